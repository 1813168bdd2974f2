import type { Submission } from "@jobs/core/decide";
import { ensureTopology, HistoryStore, JobStore, type NatsLink } from "@jobs/core/jetstream";
import { pino } from "pino";
import { Decider, type DeciderOptions } from "../duties/decider.ts";
import { AgentsProjection } from "../projection/agents-projection.ts";
import { HistoryIndex } from "../projection/history-index.ts";
import { JobsProjection } from "../projection/jobs-projection.ts";
import { AT } from "./sample-run.ts";

/**
 * A server that thinks that it decides, with views that nothing but its own writes and reads, and the test, fill; with
 * other parts where the test gives them.
 */
export async function startStaleServer(link: NatsLink, given: Partial<DeciderOptions> = {}) {
  await ensureTopology(link, () => 1);
  const { monotonicMs = () => performance.now() } = given;
  const jobs = new JobsProjection({ monotonicMs });
  const agents = new AgentsProjection({
    monotonicMs,
    now: () => AT,
    assignedTo: (agent) => jobs.occupancy.of(agent),
    usedAtMs: (agent) => jobs.occupancy.usedAtMs(agent),
    countsForMs: () => 0,
  });
  const store = new JobStore(link);
  const history = new HistoryStore(link);
  const stopping = new AbortController();
  const decider = new Decider({
    store,
    history,
    finished: new HistoryIndex(),
    stateOf: () => undefined,
    isRestoring: () => false,
    jobs,
    agents,
    silence: { silentMs: () => 0 },
    now: () => AT,
    monotonicMs,
    assertMayDecide: () => undefined,
    log: pino({ level: "silent" }),
    signal: stopping.signal,
    ...given,
  });
  return { decider, jobs, agents, store, history, stopping };
}

/** A submission of the job “nightly” for the agent alpha, changed as the test needs. */
export function sampleSubmission(change: Partial<Submission> = {}): Submission {
  return {
    job: "nightly",
    run: "run00001",
    policy: {},
    target: { kind: "agent", agent: "alpha", name: "alpha" },
    payload: { form: "plain", sha256: "00", sizeBytes: 2, body: "{}" },
    requestDigest: "digest",
    submittedBy: "ada",
    ...change,
  };
}
