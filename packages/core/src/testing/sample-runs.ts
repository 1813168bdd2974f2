/** Records, evidence and agents for the tests of decisions and stores. */
import type { AgentView, Decision, DecisionContext, JobView, Submission } from "../decide/index.ts";
import type { Licence } from "../domain/attempt.ts";
import type { Evidence } from "../domain/evidence.ts";
import type { Run } from "../domain/run.ts";

export const NOW = "2026-03-01T12:00:00.000Z";
export const AGENT = "agent-a";
export const LICENCE: Licence = { session: "s1", number: 1 };

/** An instant so many milliseconds after {@link NOW}. */
export function after(ms: number): string {
  return new Date(Date.parse(NOW) + ms).toISOString();
}

export function sampleSubmission(change: Partial<Submission> = {}): Submission {
  return {
    job: "nightly",
    run: "run00001",
    policy: {},
    target: { kind: "agent", agent: AGENT, name: "host-a" },
    payload: { form: "plain", sha256: "0".repeat(64), sizeBytes: 2, body: "{}" },
    requestDigest: "digest",
    submittedBy: "ada",
    ...change,
  };
}

/** A pending run that waits to be assigned. */
export function sampleRun(change: Partial<Run> = {}): Run {
  const times = { submittedAt: NOW, pendingAt: NOW };
  const { policy: _, isHeld: _isHeld, ...asRecorded } = sampleSubmission();
  const run = { ...asRecorded, v: 1, writeId: "w0", state: "pending", overlap: "reject", times, attempts: [] } as const;
  return { ...run, attempts: [...run.attempts], ...change };
}

/** A pending run whose first attempt is on {@link AGENT}. */
export function assignedRun(change: Partial<Run> = {}): Run {
  const attempt = {
    number: 1,
    agent: AGENT,
    licence: LICENCE,
    assignedAt: NOW,
    lostAfterMs: 3_600_000,
    graceMs: 10_000,
  };
  return sampleRun({ attempts: [attempt], ...change });
}

/** A run whose first attempt has started. */
export function runningRun(change: Partial<Run> = {}): Run {
  const { attempts, times } = assignedRun();
  return assignedRun({
    state: "running",
    attempts: attempts.map((one) => ({ ...one, startedAt: NOW })),
    times: { ...times, runningAt: NOW },
    ...change,
  });
}

export function sampleEvidence(change: Partial<Evidence> = {}): Evidence {
  return {
    v: 1,
    job: "nightly",
    run: "run00001",
    attempt: 1,
    fence: { epoch: "1", sequence: 1 },
    session: "s1",
    revision: 1,
    phase: "started",
    startedAt: after(5),
    log: { lengthBytes: 0 },
    shippedBytes: 0,
    ...change,
  };
}

export function sampleAgent(change: Partial<AgentView> = {}): AgentView {
  return {
    id: AGENT,
    name: "host-a",
    labels: {},
    isDraining: false,
    slots: 2,
    assigned: 0,
    licence: LICENCE,
    held: [],
    ...change,
  };
}

/** An agent that no beat came from for a while. */
export function silentAgent(): AgentView {
  const { licence: _, ...agent } = sampleAgent();
  return agent;
}

/** What a decision is made with; `agents` are looked up by id. Frozen, so that a decision that changes its input throws. */
export function contextOf(
  agents: readonly AgentView[] = [sampleAgent()],
  change: Partial<DecisionContext> = {},
): DecisionContext {
  const frozen = frozenDeep(agents);
  const looked: DecisionContext["agents"] = {
    get: (id) => frozen.find((agent) => agent.id === id),
    list: () => frozen,
    liveOf: () => [],
    silentMs: () => 0,
  };
  const stateOf = (): undefined => undefined;
  const slotRun = ({ schedule, at }: { schedule: string; at: string }): string =>
    `${schedule}${Date.parse(at)}`.replaceAll("-", "");
  const memberRun = ({ run, agent }: { run: string; agent: string }): string => `${run}${agent.replaceAll("-", "")}`;
  return {
    agents: looked,
    stateOf,
    slotRun,
    memberRun,
    isPaused: false,
    isRestoring: false,
    now: NOW,
    writeId: "w1",
    ...change,
  };
}

export function viewOf(...runs: readonly Run[]): JobView {
  return frozenDeep({ job: "nightly", runs });
}

/** The run that a decision writes; throws when it writes none. */
export function written(decision: Decision): Run {
  if (decision.kind !== "write") throw new Error(`not a write but ${JSON.stringify(decision)}`);
  return decision.run;
}

/** The value itself, with all that it holds made unchangeable. */
export function frozenDeep<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const one of Object.values(value)) frozenDeep(one);
  return Object.freeze(value);
}
