/** Takes the place of `node:crypto`: what is random comes from the seed. */
import { kernel } from "../kernel/machine.ts";

export { createHash, createHmac, hash, timingSafeEqual } from "node:crypto";

export function randomUUID(): string {
  const { random, namedAtMs, nowMs } = kernel();
  const name = [8, 4, 4, 4, 12].map((digits) => random.hex(digits)).join("-");
  namedAtMs.set(name, nowMs);
  return name;
}

export function randomBytes(length: number): Buffer {
  return Buffer.from(kernel().random.hex(2 * length), "hex");
}
