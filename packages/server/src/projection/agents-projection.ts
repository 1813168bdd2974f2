/** The agents in memory: their records, last beats and host reports. */
import {
  fitsRecord,
  instantOf,
  JobsError,
  labelTarget,
  matches,
  type AgentRecord,
  type AgentSummary,
  type Beat,
  type HostReport,
  type Target,
  type TargetInput,
} from "@jobs/core";
import type { AgentView, LiveOnHost } from "@jobs/core/decide";
import type { ErasedRun } from "./erasures.ts";
import { ListedAttempts } from "./listed-attempts.ts";

/**
 * Silence after which an agent is shown as not in contact and is assigned nothing, milliseconds: two beats that did not
 * come. With the way to those who look it is shown within 15 s.
 */
export const CONTACT_MS = 13_000;
/** A clock that is off by less is not told of: a beat takes its time, too. Milliseconds. */
const CLOCK_OFF_MS = 10_000;

interface Known {
  record?: AgentRecord;
  /** Of the record. */
  sequence?: number;
  report?: HostReport;
  beat?: Beat;
  beatAtMonotonicMs?: number;
  beatAt?: string;
  /** Of the host's clock, before the server's. */
  aheadMs?: number | undefined;
}

export interface AgentsProjectionOptions {
  readonly monotonicMs: () => number;
  readonly now: () => string;
  /** Attempts assigned to the agent, all jobs together. */
  readonly assignedTo: (agent: string) => number;
  /** When it was assigned something last, or something on it ended, monotonic ms. */
  readonly usedAtMs: (agent: string) => number | undefined;
  /** See {@link ListedAttempts}. */
  readonly countsForMs: (held: LiveOnHost, listedAtMs: number) => number;
}

export class AgentsProjection {
  readonly #options: AgentsProjectionOptions;
  readonly #agents = new Map<string, Known>();
  /** Their ids by their names: several may have the same. */
  readonly #named = new Map<string, Set<string>>();
  readonly #listed: ListedAttempts;

  constructor(options: AgentsProjectionOptions) {
    this.#options = options;
    const { monotonicMs, now, countsForMs } = options;
    this.#listed = new ListedAttempts({ monotonicMs, nowMs: () => Date.parse(now()), countsForMs });
  }

  /** Older than what is known: ignored. */
  onRecord(record: AgentRecord, sequence: number): void {
    const known = this.#of(record.id);
    if (sequence <= (known.sequence ?? 0)) return;
    if (known.record !== undefined) this.#named.get(known.record.name)?.delete(record.id);
    this.#named.set(record.name, (this.#named.get(record.name) ?? new Set()).add(record.id));
    Object.assign(known, { record, sequence });
  }

  /** The records come again, of another store maybe. */
  resetRecords(): void {
    for (const known of this.#agents.values()) delete known.sequence;
  }

  /** Of the agent's record; 0 when there is none. */
  sequenceOf(agent: string): number {
    return this.#agents.get(agent)?.sequence ?? 0;
  }

  onReport(agent: string, report: HostReport): void {
    this.#of(agent).report = report;
  }

  /**
   * Nobody knows these runs any more: what was over by then does not count as running because of a beat from before. What was
   * ended without its host may run there still. A beat from before that is delivered anew counts, until the next one.
   */
  onErased(runs: readonly ErasedRun[]): void {
    for (const { run, attempts } of runs)
      for (const { agent, number, isOver } of attempts)
        if (isOver) this.#listed.forget({ agent, run, attempt: number });
  }

  /** `ageMs`: how long ago it was stored; a server that starts hears old beats, too. */
  onBeat(agent: string, beat: Beat, ageMs: number): void {
    const known = this.#of(agent);
    this.#listed.onBeat(agent, beat, ageMs);
    known.beat = beat;
    known.beatAtMonotonicMs = this.#options.monotonicMs() - ageMs;
    known.beatAt = instantOf(Date.parse(this.#options.now()) - ageMs);
    known.aheadMs = beat.sentAt === undefined ? undefined : Date.parse(beat.sentAt) - Date.parse(known.beatAt);
  }

  /** Agents in contact that cannot pull from their inbox. */
  *withoutInbox(): Iterable<readonly [string, Beat]> {
    for (const [agent, { beat }] of this.#agents)
      if (beat?.inbox === false && this.isInContact(agent)) yield [agent, beat];
  }

  reports(): Iterable<readonly [string, HostReport]> {
    return [...this.#agents].flatMap(([agent, { report }]) => (report === undefined ? [] : [[agent, report] as const]));
  }

  /** The beats went with their nats-server; the agents will beat again. */
  resetBeats(): void {
    for (const known of this.#agents.values()) {
      delete known.beat;
      delete known.beatAtMonotonicMs;
    }
  }

  findRecord(agent: string): AgentRecord | undefined {
    return this.#agents.get(agent)?.record;
  }

  findReport(agent: string): HostReport | undefined {
    return this.#agents.get(agent)?.report;
  }

  findBeat(agent: string): Beat | undefined {
    return this.#agents.get(agent)?.beat;
  }

  isInContact(agent: string): boolean {
    const { beat, beatAtMonotonicMs } = this.#agents.get(agent) ?? {};
    if (beatAtMonotonicMs === undefined || beat?.isLeaving === true) return false;
    return this.#options.monotonicMs() - beatAtMonotonicMs < CONTACT_MS;
  }

  /** What the decisions need to know of an agent. */
  get(agent: string): AgentView | undefined {
    const known = this.#agents.get(agent);
    if (known?.record === undefined) return undefined;
    const { id, name, slots } = known.record;
    const licence = this.isInContact(agent) ? known.beat?.licence : undefined;
    return {
      id,
      name,
      labels: known.report?.labels ?? known.record.labels,
      isDraining: known.record.drain !== undefined,
      usedAtMs: this.#options.usedAtMs(id),
      slots: known.report?.slots ?? slots,
      assigned: this.#options.assignedTo(agent),
      held: known.beat?.held ?? [],
      ...(known.beatAtMonotonicMs === undefined
        ? {}
        : { sinceBeatMs: this.#options.monotonicMs() - known.beatAtMonotonicMs }),
      ...(licence === undefined ? {} : { licence }),
      holdsStarts: known.report?.holdsStarts === true,
    };
  }

  *views(): Iterable<AgentView> {
    for (const agent of this.#agents.keys()) {
      const view = this.get(agent);
      if (view !== undefined) yield view;
    }
  }

  /** True while an agent known from an earlier epoch of the store was not heard in this one: nobody knows what runs on its host. */
  isAnyUnheard(epoch: string): boolean {
    const sinceMs = Number(epoch);
    for (const { record, beatAt } of this.#agents.values()) {
      if (record?.epoch === undefined || record.epoch === epoch) continue;
      // A beat may have outlived the restore: what its host took on after it, it does not list.
      if (beatAt === undefined || Date.parse(beatAt) < sinceMs) return true;
    }
    return false;
  }

  /** The attempts of a job that hosts said to be running, whatever the records say. */
  liveOf(job: string): readonly LiveOnHost[] {
    return this.#listed.of(job);
  }

  /** Jobs of which a host said in its last beat that something runs. */
  jobsOnHosts(): Iterable<string> {
    return this.#listed.jobs();
  }

  /** By their names. */
  list(): readonly AgentSummary[] {
    return [...this.summaries()].sort((one, other) => one.name.localeCompare(other.name));
  }

  *summaries(): Iterable<AgentSummary> {
    for (const { record, report, beatAt, aheadMs = 0 } of this.#agents.values()) {
      if (record === undefined) continue;
      yield {
        id: record.id,
        name: record.name,
        inContact: this.isInContact(record.id),
        slots: report?.slots ?? record.slots,
        assigned: this.#options.assignedTo(record.id),
        labels: report?.labels ?? record.labels,
        ...(record.drain === undefined ? {} : { drain: record.drain }),
        ...(beatAt === undefined ? {} : { lastBeatAt: beatAt }),
        ...(Math.abs(aheadMs) < CLOCK_OFF_MS ? {} : { clockAheadMs: aheadMs }),
        ...(report === undefined ? {} : { version: report.version }),
      };
    }
  }

  /** Where a submission is to go, `only`: to these of all that match; throws when there is no such agent. Left out: to the only one there is. */
  resolve(on: TargetInput | undefined, only?: readonly string[]): Target {
    if (on !== undefined && typeof on !== "string") return this.#resolveLabels(on, only);
    const { id, name } = on === undefined ? this.#only() : this.resolveName(on, "on");
    return { kind: "agent", agent: id, name };
  }

  #only(): AgentRecord {
    const records = this.#records();
    const [only, ...others] = records;
    if (only !== undefined && others.length === 0) return only;
    const message =
      only === undefined
        ? "There is no agent yet: start one first."
        : `Say with \`on\` which agent is to run it: ${names(records)}.`;
    throw new JobsError("target-required", message, { field: "on" });
  }

  #resolveLabels(on: Exclude<TargetInput, string>, only?: readonly string[]): Target {
    const target = labelTarget(on, only);
    const matching = this.matching(target);
    if (matching.length === 0) {
      const message = `No agent matches “${target.labels}”. Known: ${names(this.#records()) || "none"}.`;
      throw new JobsError("agent-unknown", message, { field: "on" });
    }
    if (target.kind !== "all") return target;
    const ids = matching.map(({ id }) => id).filter((id) => only?.includes(id) !== false);
    if (!fitsRecord(ids)) {
      const message = `${ids.length} agents match “${target.labels}”: that is more than one run can be for. Submit several, each for a part of them.`;
      throw new JobsError("invalid-request", message, { field: "on", details: { agents: ids.length } });
    }
    return target;
  }

  /** The agents that a run of this target may go to, in contact or not. */
  matching(target: Target): readonly AgentRecord[] {
    if (target.kind === "agent") return [this.findRecord(target.agent)].filter((record) => record !== undefined);
    return this.#records().filter((record) =>
      matches(target.labels, { ...record, labels: this.findReport(record.id)?.labels ?? record.labels }),
    );
  }

  /** The agent of this name or id; throws when there is none, or more than one. */
  resolveName(agent: string, field: string): AgentRecord {
    const ids = new Set([agent, ...(this.#named.get(agent) ?? [])]);
    const matching = [...ids].flatMap((id) => this.findRecord(id) ?? []);
    const [one, ...others] = matching;
    if (one === undefined) {
      const message = `There is no agent “${agent}”. Known: ${names(this.#records()) || "none"}.`;
      throw new JobsError("agent-unknown", message, { field });
    }
    if (others.length > 0) {
      const theirIds = matching.map(({ id }) => id).join(", ");
      const message = `${matching.length} agents are named “${agent}”: use one of their ids, ${theirIds}.`;
      throw new JobsError("agent-ambiguous", message, { field });
    }
    return one;
  }

  #records(): AgentRecord[] {
    return [...this.#agents.values()].flatMap(({ record }) => (record === undefined ? [] : [record]));
  }

  #of(agent: string): Known {
    const known = this.#agents.get(agent) ?? {};
    this.#agents.set(agent, known);
    return known;
  }
}

function names(records: readonly AgentRecord[]): string {
  const shown = records
    .slice(0, 10)
    .map((record) => record.name)
    .sort();
  return shown.join(", ") + (records.length > shown.length ? ` and ${records.length - shown.length} more` : "");
}
