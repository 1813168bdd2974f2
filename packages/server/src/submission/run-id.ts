import { hash, randomBytes } from "node:crypto";

/**
 * The run of an idempotency key: the same key of the same job gives the same id, on any server, at any time. `erasedAt`: where
 * the job's history was deleted, 0: never; of what was deleted hosts and streams may still hold something under its ids.
 */
export function runIdOf(job: string, key: string | undefined, erasedAt = 0): string {
  if (key === undefined) return idOf(randomBytes(13));
  return idOf(digestOf(erasedAt === 0 ? `${job}\0${key}` : `\0key\0${erasedAt}\0${job}\0${key}`));
}

/** The run of a slot of a schedule. No key makes the same text: a name of a job has no control characters. */
export function slotRunOf({ job, schedule, at }: { job: string; schedule: string; at: string }): string {
  return idOf(digestOf(`\0slot\0${job}\0${schedule}\0${at}`));
}

/** The part of a run on one host. */
export function memberRunOf({ run, agent }: { run: string; agent: string }): string {
  return idOf(digestOf(`\0member\0${run}\0${agent}`));
}

function digestOf(text: string): Buffer {
  return hash("sha256", text, "buffer");
}

function idOf(bytes: Buffer): string {
  return BigInt(`0x${bytes.subarray(0, 13).toString("hex")}`)
    .toString(36)
    .padStart(21, "0");
}
