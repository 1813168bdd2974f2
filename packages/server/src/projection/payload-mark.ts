import type { Payload } from "@jobs/core";

/** Of a hash so many digits make a number that is exact: two of a million marks are the same once in hundreds of times. */
const DIGITS = 12;

/** Stands for a payload among very many: of its hash the first 48 bits; 0: it is in its record, and no object of its own. */
export function payloadMark({ sha256, body }: Pick<Payload, "sha256" | "body">): number {
  return body === undefined ? markOfHash(sha256) : 0;
}

export function markOfHash(sha256: string): number {
  return Number.parseInt(sha256.slice(0, DIGITS), 16);
}
