import { createHash } from "node:crypto";
import { encodeJob } from "../protocol/subjects.ts";

const SEGMENT_MAX_LENGTH = 180;

/** What one run leaves is kept under this prefix. */
export function runPrefix(job: string, run: string): string {
  return `runs/${shortened(encodeJob(job))}/${run}`;
}

/** Which attempt of which run left it. */
export interface AttemptKey {
  readonly job: string;
  readonly run: string;
  readonly attempt: number;
}

/** The whole log of an attempt. */
export function logKey({ job, run, attempt }: AttemptKey): string {
  return `${runPrefix(job, run)}/${attempt}/log`;
}

/** One artifact; `name` is its path below `$JOBS_OUTPUT`. */
export function artifactKey({ job, run, attempt }: AttemptKey, name: string): string {
  return `${runPrefix(job, run)}/${attempt}/artifacts/${name.split("/").map(segment).join("/")}`;
}

/** All payloads are right under it, by their hashes. */
export const PAYLOADS_PREFIX = "payloads";

/** A payload, by the SHA-256 (hex) of its bytes. */
export function payloadKey(sha256: string): string {
  return `${PAYLOADS_PREFIX}/${sha256}`;
}

/** One part of an artifact's path. `~` is left to what no name can spell: an empty part, and the cut of a long one. */
function segment(text: string): string {
  if (text === "") return "~";
  const encoded = text
    .split(/(\p{Cs})/u)
    .map((part) => (/^\p{Cs}$/u.test(part) ? loneSurrogate(part) : encodeURIComponent(part)));
  return shortened(
    encoded
      .join("")
      .replaceAll("*", "%2A")
      .replaceAll("~", "%7E")
      .replace(/^\.+$/, (dots) => "%2E".repeat(dots.length)),
  );
}

/** `encodeURIComponent` throws on one; `%u` is nothing that it gives itself. */
function loneSurrogate(text: string): string {
  return `%u${text.charCodeAt(0).toString(16)}`;
}

/** File systems take 255 bytes a segment: a longer one is cut and told apart by its hash. */
function shortened(text: string): string {
  if (text.length <= SEGMENT_MAX_LENGTH) return text;
  return `${text.slice(0, SEGMENT_MAX_LENGTH - 17)}~${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
}
