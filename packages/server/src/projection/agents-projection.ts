/** The agents in memory: their records, last beats and host reports. */
import type { AgentRecord, AgentSummary, Beat, HostReport } from "@jobs/core";
import { JobsError, LOST_AFTER_MIN_MS } from "@jobs/core";
import type { AgentView, LiveOnHost } from "@jobs/core/decide";

/**
 * Silence after which an agent is shown as not in contact and is assigned nothing, milliseconds: two beats that did not
 * come. With the way to those who look it is shown within 15 s.
 */
export const CONTACT_MS = 13_000;

/**
 * What a host said to be running keeps its job busy for so long after its last beat, milliseconds: no attempt may be
 * called lost sooner, and for one that was, the beat before does not count for ever.
 */
const LIVE_FOR_MS = LOST_AFTER_MIN_MS;

interface Known {
  record?: AgentRecord;
  report?: HostReport;
  beat?: Beat;
  beatAtMonotonicMs?: number;
  beatAt?: string;
}

export interface AgentsProjectionOptions {
  readonly monotonicMs: () => number;
  readonly now: () => string;
  /** Attempts assigned to the agent, all jobs together. */
  readonly assignedTo: (agent: string) => number;
  /** The host has said since its last beat that nothing of this attempt runs any more. */
  readonly isKnownOver: (held: LiveOnHost) => boolean;
}

export class AgentsProjection {
  readonly #options: AgentsProjectionOptions;
  readonly #agents = new Map<string, Known>();
  /** Agents whose last beat lists an attempt of a job that is not over, by job. */
  readonly #hostsOf = new Map<string, Set<string>>();

  constructor(options: AgentsProjectionOptions) {
    this.#options = options;
  }

  onRecord(record: AgentRecord): void {
    this.#of(record.id).record = record;
  }

  onReport(agent: string, report: HostReport): void {
    this.#of(agent).report = report;
  }

  /** `ageMs`: how long ago it was stored; a server that starts hears old beats, too. */
  onBeat(agent: string, beat: Beat, ageMs: number): void {
    const known = this.#of(agent);
    this.#index(agent, known.beat, beat);
    known.beat = beat;
    known.beatAtMonotonicMs = this.#options.monotonicMs() - ageMs;
    known.beatAt = new Date(Date.parse(this.#options.now()) - ageMs).toISOString();
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
    for (const [agent, known] of this.#agents) {
      this.#index(agent, known.beat, undefined);
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
    const at = this.#agents.get(agent)?.beatAtMonotonicMs;
    return at !== undefined && this.#options.monotonicMs() - at < CONTACT_MS;
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
      slots: known.report?.slots ?? slots,
      assigned: this.#options.assignedTo(agent),
      held: known.beat?.held ?? [],
      ...(licence === undefined ? {} : { licence }),
    };
  }

  /** Agents known from an earlier epoch of the store that were not heard in this one: nobody knows what runs on their hosts. */
  unheard(epoch: string): readonly string[] {
    return [...this.#agents].flatMap(([agent, { record, beat }]) =>
      beat === undefined && record?.epoch !== undefined && record.epoch !== epoch ? [agent] : [],
    );
  }

  /** The attempts of a job that hosts said to be running just now, whatever the records say. */
  liveOf(job: string): readonly LiveOnHost[] {
    const live: LiveOnHost[] = [];
    for (const agent of this.#hostsOf.get(job) ?? []) {
      const { beat, beatAtMonotonicMs = Number.NEGATIVE_INFINITY } = this.#of(agent);
      if (this.#options.monotonicMs() - beatAtMonotonicMs > LIVE_FOR_MS) continue;
      for (const held of beat?.held ?? [])
        if (held.job === job && held.isOver !== true) live.push({ agent, run: held.run, attempt: held.attempt });
    }
    return live.filter((held) => !this.#options.isKnownOver(held));
  }

  /** Jobs of which a host said in its last beat that something runs. */
  jobsOnHosts(): Iterable<string> {
    return this.#hostsOf.keys();
  }

  /** By their names. */
  list(): readonly AgentSummary[] {
    return [...this.summaries()].sort((one, other) => one.name.localeCompare(other.name));
  }

  *summaries(): Iterable<AgentSummary> {
    for (const { record, report, beatAt } of this.#agents.values()) {
      if (record === undefined) continue;
      yield {
        id: record.id,
        name: record.name,
        inContact: this.isInContact(record.id),
        slots: report?.slots ?? record.slots,
        assigned: this.#options.assignedTo(record.id),
        labels: report?.labels ?? record.labels,
        ...(beatAt === undefined ? {} : { lastBeatAt: beatAt }),
        ...(report === undefined ? {} : { version: report.version }),
      };
    }
  }

  /** The agent that a submission names by name or id, or the only one there is; throws when that is not one. */
  resolve(on: string | undefined): AgentRecord {
    const records = [...this.#agents.values()].flatMap(({ record }) => (record === undefined ? [] : [record]));
    if (on === undefined) {
      const [only, ...others] = records;
      if (only !== undefined && others.length === 0) return only;
      const message =
        only === undefined
          ? "There is no agent yet: start one first."
          : `Say with \`on\` which agent is to run it: ${names(records)}.`;
      throw new JobsError("target-required", message, { field: "on" });
    }
    const matching = records.filter((record) => record.id === on || record.name === on);
    const [one, ...others] = matching;
    if (one === undefined) {
      throw new JobsError("agent-unknown", `There is no agent “${on}”. Known: ${names(records) || "none"}.`, {
        field: "on",
      });
    }
    if (others.length > 0) {
      const ids = matching.map((record) => record.id).join(", ");
      throw new JobsError(
        "agent-ambiguous",
        `${matching.length} agents are named “${on}”: use one of their ids, ${ids}.`,
        { field: "on" },
      );
    }
    return one;
  }

  #index(agent: string, before: Beat | undefined, after: Beat | undefined): void {
    for (const { job } of before?.held ?? []) {
      const hosts = this.#hostsOf.get(job);
      hosts?.delete(agent);
      if (hosts?.size === 0) this.#hostsOf.delete(job);
    }
    for (const { job, isOver } of after?.held ?? [])
      if (isOver !== true) this.#hostsOf.set(job, (this.#hostsOf.get(job) ?? new Set()).add(agent));
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
