import type { Decision } from "@jobs/core/decide";
import type { JobRecord } from "@jobs/core/jetstream";

/** What a decision writes. */
export function recordOf(decision: Extract<Decision, { kind: "write" | "define" }>): JobRecord {
  if (decision.kind === "define") return { kind: "definition", definition: decision.definition };
  return { kind: "run", run: decision.run };
}

export function writeIdOf(record: JobRecord): string {
  return record.kind === "definition" ? record.definition.writeId : record.run.writeId;
}
