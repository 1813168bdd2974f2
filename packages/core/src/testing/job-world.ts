/**
 * A small world for property tests of the decisions: records under their guard, two hosts, two servers of which either
 * may lag behind with its view of the agents, and a network that delivers late, twice, out of order or not at all.
 * After every step it checks what must always hold.
 */
import {
  decideCancel,
  decideEvidence,
  decideSubmit,
  reconcile,
  wantedFor,
  type AgentView,
  type Decision,
  type DecisionContext,
  type JobView,
} from "../decide/index.ts";
import type { Evidence } from "../domain/evidence.ts";
import { PAYLOAD_INLINE_MAX_BYTES } from "../domain/payload.ts";
import { currentAttempt, hasEnded, isBusy, type Run } from "../domain/run.ts";
import { HostModel, keyOf, type HostBeat, type HostOrder } from "./host-model.ts";
import { checkJob, checkStep } from "./job-world-rules.ts";
import { frozenDeep, NOW, sampleRun, sampleSubmission } from "./sample-runs.ts";

const AGENTS = ["agent-a", "agent-b"] as const;
/** One host has less room than the servers think. */
const HOST_SLOTS = { "agent-a": 2, "agent-b": 1 } as const;
const SERVERS = [0, 1] as const;
/** The clock of the second server is behind: later runs may stand before earlier ones. */
const SKEW_MS = 5_000;
const RECONCILE_MAX = 20;
/** The worst that fits into a record: every byte of it doubles in JSON. */
const BODY = "\\".repeat(PAYLOAD_INLINE_MAX_BYTES);

interface Host {
  readonly model: HostModel;
  readonly beats: HostBeat[];
  /** For each server: how many beats it has seen, and whether the last one is recent. */
  readonly seen: { count: number; isRecent: boolean }[];
}

/** Of every other run. */
const RETRY = { count: 2, backoff: { kind: "fixed", delayMs: 5_000 } } as const;

export class JobWorld {
  readonly records = new Map<string, Map<string, Run>>();
  readonly finished = new Map<string, Run>();
  readonly #hosts = new Map<string, Host>();
  readonly #orders: HostOrder[] = [];
  readonly #evidence: { readonly agent: string; readonly evidence: Evidence }[] = [];
  #nowMs = Date.parse(NOW);
  #writes = 0;

  constructor() {
    for (const agent of AGENTS) {
      const model = new HostModel(HOST_SLOTS[agent], (evidence) =>
        this.#evidence.push({ agent, evidence: frozenDeep(evidence) }),
      );
      this.#hosts.set(agent, { model, beats: [], seen: SERVERS.map(() => ({ count: 0, isRecent: false })) });
    }
  }

  get runs(): readonly Run[] {
    return [...this.records.values()].flatMap((runs) => [...runs.values()]);
  }

  get orders(): readonly HostOrder[] {
    return this.#orders;
  }

  get evidenceCount(): number {
    return this.#evidence.length;
  }

  hostKeys(agent: string): readonly string[] {
    return [...this.#host(agent).model.journal.keys()];
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  submit(
    server: number,
    asked: { job: string; key: number; agent: string; overlap: "reject" | "allow"; digest: string },
  ): Decision {
    const run = `${asked.job}0000${asked.key}`;
    const submission = sampleSubmission({
      job: asked.job,
      run,
      policy: { overlap: asked.overlap, ...(asked.key % 2 === 0 ? {} : { retry: RETRY }) },
      target: { kind: "agent", agent: asked.agent, name: asked.agent },
      payload: { form: "plain", sha256: "0".repeat(64), sizeBytes: BODY.length, body: BODY },
      requestDigest: asked.digest,
    });
    const finished = this.finished.get(run);
    return this.#step(asked.job, server, (view, context) => decideSubmit(view, submission, { ...context, finished }));
  }

  /** Accepts a run that queues, as no submission can ask for yet: the records know that policy already. */
  enqueue(server: number, asked: { job: string; key: number; agent: string }): void {
    this.#step(asked.job, server, ({ runs }, { now, writeId }) => {
      const run = `${asked.job}9000${asked.key}`;
      if (this.finished.has(run) || runs.some((one) => one.run === run)) return { kind: "nothing" };
      const target = { kind: "agent" as const, agent: asked.agent, name: asked.agent };
      const times = { submittedAt: now, pendingAt: now };
      return {
        kind: "write",
        run: sampleRun({ job: asked.job, run, target, times, writeId, overlap: "queue", waitingFor: "previous-run" }),
      };
    });
  }

  cancel(server: number, run: Run): void {
    this.#step(run.job, server, (view, context) => decideCancel(view, { run: run.run, by: "bob" }, context));
  }

  reconcile(server: number, job: string): void {
    for (let steps = 0; ; steps++) {
      const decision = this.#step(job, server, reconcile);
      if (decision.kind === "nothing") return;
      if (steps > RECONCILE_MAX) throw new Error("reconciling finds no end");
    }
  }

  /** Evidence that was said at any time comes to a server; `by`: another agent says it. */
  hear(server: number, index: number, by?: string): Decision | undefined {
    const said = this.#evidence[index];
    if (said === undefined) return undefined;
    const agent = by ?? said.agent;
    return this.#step(said.evidence.job, server, (view, context) =>
      decideEvidence(view, { agent, evidence: said.evidence }, context),
    );
  }

  /** Puts what the record of a run asks for on its way; it may come any time, any number of times. */
  order(run: Run): void {
    const kind = wantedFor(run);
    const attempt = currentAttempt(run);
    if (attempt === undefined || (kind !== "start" && kind !== "cancel")) return;
    const { agent, number, licence } = attempt;
    this.#orders.push({ kind, agent, job: run.job, run: run.run, attempt: number, licence, overlap: run.overlap });
  }

  carryOut(index: number, chance: Parameters<HostModel["take"]>[1] = {}): void {
    const order = this.#orders[index];
    if (order !== undefined) this.#host(order.agent).model.take(order, chance);
    this.check();
  }

  onHost(agent: string, act: (host: HostModel) => void): void {
    act(this.#host(agent).model);
    this.check();
  }

  beat(agent: string): void {
    const host = this.#host(agent);
    host.beats.push(frozenDeep(host.model.beat()));
  }

  /** The agent begins anew, and both servers see its first beat: a lagging view of an earlier session is not modelled. */
  restart(agent: string): void {
    this.#host(agent).model.restart();
    this.beat(agent);
    for (const server of SERVERS) this.see(server, agent, "all");
  }

  see(server: number, agent: string, what: "next" | "all" | "silence"): void {
    const host = this.#host(agent);
    const seen = host.seen[server];
    if (seen === undefined) return;
    if (what === "silence") seen.isRecent = false;
    else if (seen.count < host.beats.length)
      Object.assign(seen, { count: what === "all" ? host.beats.length : seen.count + 1, isRecent: true });
  }

  /** A run that has ended and left nothing over goes to the history, and its host is told to forget it. */
  settle(run: Run): void {
    if (!hasEnded(run) || isBusy(run)) return;
    this.finished.set(run.run, run);
    this.records.get(run.job)?.delete(run.run);
  }

  /** Releases what the store has all of. */
  release(agent: string): void {
    const { model } = this.#host(agent);
    for (const { order } of model.journal.values()) {
      const own = this.records
        .get(order.job)
        ?.get(order.run)
        ?.attempts.find(({ number }) => number === order.attempt);
      if (this.finished.has(order.run) || own?.refusal !== undefined) model.release(keyOf(order));
    }
  }

  check(): void {
    const occupied = AGENTS.flatMap((agent) =>
      this.#host(agent)
        .model.occupied()
        .map((order) => ({ ...order, agent })),
    );
    for (const [job, runs] of this.records)
      checkJob(
        [...runs.values()],
        occupied.filter((order) => order.job === job),
      );
  }

  /** Everything works again for a while: what has been accepted must come to its end. */
  calm(): void {
    for (let round = 0; round < 60; round++) {
      this.pass(31_000);
      for (const agent of AGENTS) {
        for (const key of this.hostKeys(agent)) this.onHost(agent, (host) => host.end(key, { exitCode: 0 }));
        for (const key of this.hostKeys(agent)) this.onHost(agent, (host) => host.clean(key));
        const from = this.#evidence.length;
        this.#host(agent).model.tellAll();
        for (let index = from; index < this.#evidence.length; index++) this.hear(0, index);
        this.beat(agent);
        for (const server of SERVERS) this.see(server, agent, "all");
      }
      for (const run of this.runs) this.settle(run);
      if (this.runs.length === 0) return;
      for (const job of this.records.keys()) this.reconcile(0, job);
      for (const run of this.runs) this.order(run);
      for (const index of this.#orders.keys()) this.carryOut(index);
      if (round % 3 === 2) for (const agent of AGENTS) this.onHost(agent, (host) => host.lapse());
    }
    throw new Error(`in limbo: ${JSON.stringify(this.runs.map((run) => ({ ...run, payload: undefined })))}`);
  }

  #step(job: string, server: number, decide: (view: JobView, context: DecisionContext) => Decision): Decision {
    const runs = this.records.get(job) ?? new Map<string, Run>();
    this.records.set(job, runs);
    const sorted = [...runs.values()].sort(
      (one, other) => one.times.submittedAt.localeCompare(other.times.submittedAt) || one.run.localeCompare(other.run),
    );
    const decision = decide(frozenDeep({ job, runs: sorted }), this.#context(server));
    if (decision.kind === "write") {
      const { run } = decision;
      checkStep(runs.get(run.run), run);
      runs.set(run.run, frozenDeep(run));
      this.#nowMs++;
    }
    this.check();
    return decision;
  }

  #context(server: number): DecisionContext {
    const views = new Map(AGENTS.map((agent) => [agent as string, frozenDeep(this.#viewOf(server, agent))]));
    return {
      agents: { get: (agent) => views.get(agent), list: () => views.values(), liveOf: () => [], silentMs: () => 0 },
      stateOf: () => undefined,
      memberRun: ({ run, agent }) => `${run}${agent.replaceAll("-", "")}`,
      slotRun: ({ at }) => `slot${Date.parse(at)}`,
      isPaused: false,
      isRestoring: false,
      now: new Date(this.#nowMs - server * SKEW_MS).toISOString(),
      writeId: `w${++this.#writes}`,
    };
  }

  #viewOf(server: number, agent: string): AgentView {
    const host = this.#host(agent);
    const seen = host.seen[server];
    const beat = host.beats[(seen?.count ?? 0) - 1];
    const assigned = this.runs.filter((run) => !hasEnded(run) && currentAttempt(run)?.agent === agent).length;
    const licence = seen?.isRecent === true && beat !== undefined ? { licence: beat.licence } : {};
    return {
      id: agent,
      name: agent,
      labels: {},
      isDraining: false,
      slots: 2,
      assigned,
      held: beat?.held ?? [],
      ...licence,
    };
  }

  #host(agent: string): Host {
    const host = this.#hosts.get(agent);
    if (host === undefined) throw new Error(`no host ${agent}`);
    return host;
  }
}
