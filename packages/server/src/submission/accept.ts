import { createHash, randomBytes } from "node:crypto";
import { dirname } from "node:path";
/** What is checked and made of a submission before it is decided on. Nothing is stored until all of it holds. */
import {
  checkScript,
  interpreterOf,
  JobsError,
  PAYLOAD_INLINE_MAX_BYTES,
  PolicySettings,
  programOf,
  type SubmitInput,
  type HostReport,
  type Payload,
  type PayloadContent,
} from "@jobs/core";
import { payloadKey, type ArtifactStore } from "@jobs/core/artifacts";
import type { Submission } from "@jobs/core/decide";
import type { z } from "zod";
import type { AgentsProjection } from "../projection/agents-projection.ts";
import type { Runs } from "../projection/runs.ts";
import { dependenciesOf } from "./after.ts";
import type { ShellSyntax } from "./shell-syntax.ts";
import { dueAtOf } from "./when.ts";

export interface AcceptOptions {
  readonly agents: AgentsProjection;
  readonly syntax: ShellSyntax;
  readonly artifacts: ArtifactStore;
  readonly runs: Pick<Runs, "get" | "list" | "catchUp">;
  readonly nowMs: () => number;
}

/** Throws a {@link JobsError} that names the field, or gives what the decision needs. */
export async function accept(
  input: z.output<typeof SubmitInput>,
  by: string,
  options: AcceptOptions,
): Promise<Submission> {
  checkScript(input.script);
  const dueAt = dueAtOf(input, options.nowMs());
  const interpreter = input.interpreter ?? interpreterOf(input.script);
  const agent = options.agents.resolve(input.on);
  // With a PATH of its own only the host itself can tell.
  if (input.env?.["PATH"] === undefined)
    checkProgram(programOf(interpreter), agent.name, options.agents.findReport(agent.id));
  await options.syntax.check(input.script, programOf(interpreter));
  const env = Object.fromEntries(sortedEntries(input.env ?? {}));
  const content: PayloadContent = { v: 1, script: input.script, interpreter: [...interpreter], env };
  const policy = PolicySettings.parse(input);
  const isHeld = input.hold === true;
  const after = await dependenciesOf(input.after, options.runs);
  const time = dueAt === undefined ? {} : { dueAt };
  const payload = await payloadOf(content, options.artifacts);
  return {
    job: input.name,
    run: runIdOf(input.name, input.key),
    policy,
    ...(isHeld ? { isHeld } : {}),
    ...time,
    ...(after === undefined ? {} : { after }),
    target: { kind: "agent", agent: agent.id, name: agent.name },
    payload,
    requestDigest: sha256(
      JSON.stringify([
        payload.sha256,
        agent.id,
        sortedEntries(policy),
        isHeld,
        ...sortedEntries({ ...time, ...(after === undefined ? {} : { after: input.after }) }),
      ]),
    ),
    submittedBy: by,
  };
}

/** A program on the host's PATH, or in one of its folders, must be there; of others only the host itself can tell. */
function checkProgram(program: string, host: string, report: HostReport | undefined): void {
  if (report === undefined) return;
  const isOnPath = !program.includes("/");
  const name = isOnPath ? program : program.slice(dirname(program).length + 1);
  const isKnowable = isOnPath || report.path.includes(dirname(program));
  if (!isKnowable || report.programs.includes(name)) return;
  const message = `${host} has no “${program}”: install it there, or name another interpreter.`;
  throw new JobsError("interpreter-missing", message, { field: "script" });
}

async function payloadOf(content: PayloadContent, artifacts: ArtifactStore): Promise<Payload> {
  const body = JSON.stringify(content);
  const bytes = Buffer.from(body);
  const payload: Payload = { form: "plain", sha256: sha256(body), sizeBytes: bytes.length };
  if (bytes.length <= PAYLOAD_INLINE_MAX_BYTES) return { ...payload, body };
  const underWay = storing.get(artifacts) ?? new Map<string, Promise<void>>();
  storing.set(artifacts, underWay);
  const key = payloadKey(payload.sha256);
  const stored = underWay.get(key) ?? store();
  underWay.set(key, stored);
  await stored.finally(() => underWay.delete(key));
  return payload;

  async function store(): Promise<void> {
    if ((await artifacts.findSize(key)) !== bytes.length) await artifacts.put(key, once(bytes), payload);
  }
}

/** What is being put there now: many submissions of one script may come at once. */
const storing = new WeakMap<ArtifactStore, Map<string, Promise<void>>>();

// oxlint-disable-next-line require-await -- an async iterable is what the store takes
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The run of an idempotency key: the same key of the same job gives the same id, on any server, at any time. */
function runIdOf(job: string, key: string | undefined): string {
  const digest = key === undefined ? randomBytes(13) : createHash("sha256").update(`${job}\0${key}`).digest();
  return BigInt(`0x${digest.subarray(0, 13).toString("hex")}`)
    .toString(36)
    .padStart(21, "0");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** What was asked for, in one order, however it was written. */
function sortedEntries<Value>(named: Readonly<Record<string, Value>>): readonly (readonly [string, Value])[] {
  return Object.entries(named).toSorted(([one], [other]) => (one < other ? -1 : 1));
}
