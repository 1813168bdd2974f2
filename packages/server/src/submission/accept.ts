import { hash } from "node:crypto";
import { dirname } from "node:path";
/** What is checked and made of a submission before it is decided on. Nothing is stored until all of it holds. */
import {
  checkEnvironment,
  checkScript,
  interpreterOf,
  JobsError,
  labelTarget,
  nameOfTarget,
  PAYLOAD_INLINE_MAX_BYTES,
  PolicySettings,
  programOf,
  shownParameters,
  targetKey,
  variablesOf,
  type ParameterValues,
  type SubmitInput,
  type TaskInput,
  type HostReport,
  type Payload,
  type PayloadContent,
  type Run,
  type Target,
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
  readonly runs: Pick<Runs, "get" | "getRecord" | "findLatest" | "seeAccepted" | "erasedAt">;
  readonly nowMs: () => number;
  /** Nothing is stored. */
  readonly isDryRun?: boolean;
}

/** Where a run goes, and what it does there. */
export type Work = Pick<Submission, "target" | "payload" | "parameters">;

/** A script and where it runs, with what it was given: values that were checked already. */
export type WorkInput = z.output<typeof TaskInput> & {
  readonly given?: ParameterValues | undefined;
  /** Of all agents that match only these. */
  readonly only?: string[];
};

type SubmitParsed = z.output<typeof SubmitInput>;
type AskedInput = Omit<SubmitParsed, keyof z.output<typeof TaskInput>>;

/** Throws a {@link JobsError} that names the field, or gives what the decision needs. */
export async function accept(input: SubmitParsed & WorkInput, by: string, options: AcceptOptions): Promise<Submission> {
  return acceptWork(input, { work: await workOf(input, options), by }, options);
}

/** The submission of work that was checked already, at the time and with the policy that are asked for. */
export async function acceptWork(
  input: AskedInput,
  { work: { target, payload, parameters }, by }: { readonly work: Work; readonly by: string },
  options: AcceptOptions,
): Promise<Submission> {
  const { name, key } = input;
  const asked = askedOf(input, options);
  const after = input.after === undefined ? undefined : await dependenciesOf(input.after, options.runs);
  const { policy, isHeld, dueAt } = asked;
  return {
    job: name,
    run: runIdOf(name, key, options.runs.erasedAt(name)),
    policy,
    isHeld,
    dueAt,
    after,
    target,
    payload,
    parameters,
    requestDigest: digestOfRequest([payload.sha256, targetKey(target)], asked),
    submittedBy: by,
  };
}

/** Whether the run was made of this very submission: the name of a host stands for the one that had it then. */
export function isMadeOf(run: Run, input: SubmitParsed & WorkInput, options: Pick<AcceptOptions, "nowMs">): boolean {
  const target = targetThen(input, run);
  if (target === undefined) return false;
  const { sha256: payload } = inlineOf(JSON.stringify(contentOf(input)));
  return run.requestDigest === digestOfRequest([payload, targetKey(target)], askedOf(input, options));
}

/** What was meant when the run was made; undefined when that cannot have been meant. */
function targetThen({ on, only }: WorkInput, { target }: Run): Target | undefined {
  if (typeof on === "object") return labelTarget(on, only);
  const isMeant = target.kind === "agent" && (on === undefined || on === target.name || on === target.agent);
  return isMeant ? target : undefined;
}

/** How a run is asked for, whatever it does. */
interface Asked extends Pick<SubmitParsed, "after"> {
  readonly policy: PolicySettings;
  readonly isHeld: boolean;
  readonly dueAt: string | undefined;
}

export function askedOf(input: AskedInput, { nowMs }: Pick<AcceptOptions, "nowMs">): Asked {
  const dueAt = dueAtOf(input, nowMs());
  return { policy: askedPolicyOf(input), isHeld: input.hold === true, dueAt, after: input.after };
}

/** Keys are kept with the digest: what it is made of, and in which order, stays as it is. */
export function digestOfRequest(
  [what, where]: readonly [unknown, unknown],
  { policy, isHeld, dueAt, after }: Asked,
): string {
  const asked: unknown[] = [what, where, Object.entries(policy), isHeld];
  if (after !== undefined) asked.push(["after", after]);
  if (dueAt !== undefined) asked.push(["dueAt", dueAt]);
  return digestOf(JSON.stringify(asked));
}

export async function workOf(input: WorkInput, options: AcceptOptions): Promise<Work> {
  checkScript(input.script, input.interpreter);
  const content = contentOf(input);
  const { env, interpreter, parameters } = content;
  const interpreterField = input.interpreter === undefined ? "script" : "interpreter";
  checkEnvironment({ env, interpreter }, interpreterField);
  const target = options.agents.resolve(input.on, input.only);
  // With a PATH of its own only the host itself can tell.
  if (input.env?.["PATH"] === undefined && !hasProgram(programOf(interpreter), target, options.agents)) {
    const message = `${nameOfTarget(target)} has no “${programOf(interpreter)}”: install it there, or name another interpreter.`;
    throw new JobsError("interpreter-missing", message, { field: interpreterField });
  }
  await options.syntax.check(input.script, programOf(interpreter));
  return {
    target,
    payload: await payloadOf(content, options, target.kind === "all" ? MEMBER_INLINE_MAX_BYTES : undefined),
    parameters: parameters === undefined ? undefined : shownParameters(parameters),
  };
}

function contentOf({ script, interpreter, env, given }: WorkInput): PayloadContent {
  const hasEnv = env !== undefined || given !== undefined;
  return {
    v: 1,
    script,
    interpreter: [...(interpreter ?? interpreterOf(script))],
    env: hasEnv ? Object.fromEntries(sortedEntries({ ...env, ...variablesOf(given ?? {}) })) : {},
    parameters: given,
  };
}

/** A program on the PATH of a host that may take it, or in one of its folders, must be there; of others only the host itself can tell. */
function hasProgram(program: string, target: Target, agents: AgentsProjection): boolean {
  const reports = agents.matching(target).map(({ id }) => agents.findReport(id));
  return reports.length === 0 || reports.some((report) => report === undefined || mayHave(report, program));
}

function mayHave({ path, programs }: HostReport, program: string): boolean {
  const isOnPath = !program.includes("/");
  const name = isOnPath ? program : program.slice(dirname(program).length + 1);
  const isKnowable = isOnPath || path.includes(dirname(program));
  return !isKnowable || programs.includes(name);
}

/** In a record that names very many agents, and in one for each of them. */
const MEMBER_INLINE_MAX_BYTES = 2 * 1024;

async function payloadOf(
  content: PayloadContent,
  { artifacts, isDryRun = false }: Pick<AcceptOptions, "artifacts" | "isDryRun">,
  inlineMaxBytes = PAYLOAD_INLINE_MAX_BYTES,
): Promise<Payload> {
  const body = JSON.stringify(content);
  const inline = inlineOf(body);
  if (isDryRun || inline.sizeBytes <= inlineMaxBytes) return inline;
  const { body: _, ...payload } = inline;
  const underWay = storing.get(artifacts) ?? new Map<string, Promise<void>>();
  storing.set(artifacts, underWay);
  const key = payloadKey(payload.sha256);
  const stored = underWay.get(key) ?? store();
  underWay.set(key, stored);
  await stored.finally(() => underWay.delete(key));
  return payload;

  async function store(): Promise<void> {
    const isThere = (await artifacts.findSize(key)) === payload.sizeBytes && (await artifacts.refresh(key));
    if (!isThere) await artifacts.put(key, once(Buffer.from(body)), payload);
  }
}

/** What is being put there now: many submissions of one script may come at once. */
const storing = new WeakMap<ArtifactStore, Map<string, Promise<void>>>();

// oxlint-disable-next-line require-await -- an async iterable is what the store takes
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** What is asked of its policy, in the order of the names: of what was checked already. */
function askedPolicyOf(input: PolicySettings): PolicySettings {
  const asked: Record<string, unknown> = {};
  for (const name of POLICY_NAMES) if (input[name] !== undefined) asked[name] = input[name];
  return asked;
}

const POLICY_NAMES = Object.keys(PolicySettings.shape).sort() as (keyof PolicySettings)[];

/** Of many that are alike, and come together, only the first is hashed. */
const digestOf = rememberingLast(sha256);
const inlineOf = rememberingLast((body): Payload => ({
  form: "plain",
  sha256: sha256(body),
  sizeBytes: Buffer.byteLength(body),
  body,
}));

function rememberingLast<Value>(make: (text: string) => Value): (text: string) => Value {
  let last: { readonly text: string; readonly value: Value } | undefined;
  return (text) => (last?.text === text ? last : (last = { text, value: make(text) })).value;
}

export function sha256(text: string): string {
  return hash("sha256", text);
}

/** What was asked for, in one order, however it was written. */
export function sortedEntries<Value>(named: Readonly<Record<string, Value>>): readonly (readonly [string, Value])[] {
  return Object.entries(named).toSorted(([one], [other]) => (one < other ? -1 : 1));
}
