import { createHash } from "node:crypto";
import { dirname } from "node:path";
/** What is checked and made of a submission before it is decided on. Nothing is stored until all of it holds. */
import {
  checkScript,
  interpreterOf,
  JobsError,
  PAYLOAD_INLINE_MAX_BYTES,
  PolicySettings,
  programOf,
  shownParameters,
  variablesOf,
  type ParameterValues,
  type SubmitInput,
  type TaskInput,
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
import { runIdOf } from "./run-id.ts";
import type { ShellSyntax } from "./shell-syntax.ts";
import { dueAtOf } from "./when.ts";

export interface AcceptOptions {
  readonly agents: AgentsProjection;
  readonly syntax: ShellSyntax;
  readonly artifacts: ArtifactStore;
  readonly runs: Pick<Runs, "get" | "list" | "catchUp" | "erasedAt">;
  readonly nowMs: () => number;
  /** Nothing is stored. */
  readonly isDryRun?: boolean;
}

/** Where a run goes, and what it does there. */
export type Work = Pick<Submission, "target" | "payload" | "parameters">;

/** A script and where it runs, with what it was given: values that were checked already. */
export type WorkInput = z.output<typeof TaskInput> & { readonly given?: ParameterValues | undefined };

type SubmitParsed = z.output<typeof SubmitInput>;

/** Throws a {@link JobsError} that names the field, or gives what the decision needs. */
export async function accept(input: SubmitParsed & WorkInput, by: string, options: AcceptOptions): Promise<Submission> {
  return acceptWork(input, { work: await workOf(input, options), by }, options);
}

/** The submission of work that was checked already, at the time and with the policy that are asked for. */
export async function acceptWork(
  input: Omit<SubmitParsed, keyof z.output<typeof TaskInput>>,
  { work: { target, payload, parameters }, by }: { readonly work: Work; readonly by: string },
  options: AcceptOptions,
): Promise<Submission> {
  const dueAt = dueAtOf(input, options.nowMs());
  const after = await dependenciesOf(input.after, options.runs);
  const policy = PolicySettings.parse(input);
  const isHeld = input.hold === true;
  const time = dueAt === undefined ? {} : { dueAt };
  const asked = { ...time, ...(input.after === undefined ? {} : { after: input.after }) };
  return {
    job: input.name,
    run: runIdOf(input.name, input.key, options.runs.erasedAt(input.name)),
    policy,
    ...(isHeld ? { isHeld } : {}),
    ...time,
    ...(after === undefined ? {} : { after }),
    target,
    payload,
    ...(parameters === undefined ? {} : { parameters }),
    requestDigest: sha256(
      JSON.stringify([payload.sha256, target.agent, sortedEntries(policy), isHeld, ...sortedEntries(asked)]),
    ),
    submittedBy: by,
  };
}

export async function workOf(input: WorkInput, options: AcceptOptions): Promise<Work> {
  checkScript(input.script);
  const interpreter = input.interpreter ?? interpreterOf(input.script);
  const agent = options.agents.resolve(input.on);
  // With a PATH of its own only the host itself can tell.
  if (input.env?.["PATH"] === undefined)
    checkProgram(programOf(interpreter), agent.name, options.agents.findReport(agent.id));
  await options.syntax.check(input.script, programOf(interpreter));
  const { given } = input;
  const env = Object.fromEntries(sortedEntries({ ...input.env, ...variablesOf(given ?? {}) }));
  const parameters = given === undefined ? {} : { parameters: given };
  const content: PayloadContent = { v: 1, script: input.script, interpreter: [...interpreter], env, ...parameters };
  return {
    target: { kind: "agent", agent: agent.id, name: agent.name },
    payload: await payloadOf(content, options),
    ...(given === undefined ? {} : { parameters: shownParameters(given) }),
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

async function payloadOf(
  content: PayloadContent,
  { artifacts, isDryRun = false }: Pick<AcceptOptions, "artifacts" | "isDryRun">,
): Promise<Payload> {
  const body = JSON.stringify(content);
  const bytes = Buffer.from(body);
  const payload: Payload = { form: "plain", sha256: sha256(body), sizeBytes: bytes.length };
  if (isDryRun || bytes.length <= PAYLOAD_INLINE_MAX_BYTES) return { ...payload, body };
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

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** What was asked for, in one order, however it was written. */
function sortedEntries<Value>(named: Readonly<Record<string, Value>>): readonly (readonly [string, Value])[] {
  return Object.entries(named).toSorted(([one], [other]) => (one < other ? -1 : 1));
}
