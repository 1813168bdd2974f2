/** The watches that fill the projections; each resolves once all that was stored has been delivered. */
import type { Beat, HostReport, Lease, Run } from "@jobs/core";
import type { AgentStore, BeatStore, HistoryStore, JobStore, StreamWatch } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import type { AgentsProjection } from "./agents-projection.ts";
import type { FinishedRecords } from "./finished-records.ts";
import type { HistoryIndex } from "./history-index.ts";
import type { JobsProjection } from "./jobs-projection.ts";
import type { Runs } from "./runs.ts";
import type { Silence } from "./silence.ts";
import type { ViewMark } from "./view-mark.ts";

export interface FeedsOptions {
  readonly stores: {
    readonly jobs: JobStore;
    readonly history: HistoryStore;
    readonly agents: AgentStore;
    readonly beats: BeatStore;
  };
  readonly jobs: JobsProjection;
  readonly finished: HistoryIndex;
  readonly records: FinishedRecords;
  readonly runs: Runs;
  readonly agents: AgentsProjection;
  readonly silence: Silence;
  readonly mark: ViewMark;
  /** What else hears of it. */
  readonly duties: {
    onFinished(run: Run): void;
    /** `isBack`: the agent was not in contact before this beat. */
    onBeat(agent: string, beat: Beat, isBack: boolean): void;
    /** An agent's record has changed. */
    onAgent(agent: string): void;
    onReport(agent: string, report: HostReport): void;
  };
  readonly lease: { onLease(lease: Lease, sequence: number): void; reset(): void };
  readonly log: Logger;
}

/** Starts all four, that of the jobs first, and resolves when all are current; the caller stops them. */
export async function startFeeds(options: FeedsOptions): Promise<readonly StreamWatch[]> {
  const feeds = [jobsFeed(options), historyFeed(options), agentsFeed(options), beatsFeed(options)];
  await Promise.all(feeds.map(({ ready }) => ready));
  return feeds.map(({ watch }) => watch);
}

interface Feed {
  readonly watch: StreamWatch;
  readonly ready: Promise<void>;
}

function feed(begin: (onReady: () => void) => StreamWatch): Feed {
  let onReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => (onReady = resolve));
  return { watch: begin(() => onReady()), ready };
}

function jobsFeed({ stores, jobs, mark, log }: FeedsOptions): Feed {
  return feed((onReady) =>
    stores.jobs.watch({
      isKnown: (job, subject, sequence) => jobs.isKnown(job, subject, sequence),
      onEntry: (entry) => jobs.apply(entry),
      onSettings: (settings, sequence) => jobs.applySettings(settings, sequence),
      onMark: (server, text) => mark.onMark(stores.jobs, server, text),
      onReady,
      onReset: () => {
        mark.invalidate();
        jobs.reset();
      },
      onError: (error) => log.warn({ err: error }, "the watch of the jobs broke and begins again"),
    }),
  );
}

function historyFeed({ stores, runs, finished, records, mark, duties, log }: FeedsOptions): Feed {
  return feed((onReady) =>
    stores.history.watch({
      onErasure: (job, before, isDone) => (isDone ? finished.erased(job, before) : finished.erase(job, before)),
      onRun: (run, sequence) => {
        runs.onFinished(run, sequence);
        duties.onFinished(run);
      },
      onUnreadable: (job, run) => {
        finished.addUnreadable(job, run);
        log.error({ job, run }, "the record of a finished run is of a newer version: upgrade this server");
      },
      onRemoved: (run) => {
        finished.remove(run);
        records.forget(run);
      },
      onForgotten: (forgotten, sequence) => finished.onForgotten(forgotten, sequence),
      onReady: () => {
        finished.onReady();
        onReady();
      },
      onMark: (server, text) => mark.onMark(stores.history, server, text),
      onReset: () => {
        mark.invalidate();
        finished.reset();
        records.reset();
      },
      onError: (error) => log.warn({ err: error }, "the watch of the history broke and begins again"),
    }),
  );
}

function agentsFeed({ stores, agents, mark, duties, log }: FeedsOptions): Feed {
  return feed((onReady) =>
    stores.agents.watch({
      onAgent: (record, sequence) => {
        agents.onRecord(record, sequence);
        duties.onAgent(record.id);
      },
      onMark: (server, text) => mark.onMark(stores.agents, server, text),
      onReset: () => {
        mark.invalidate();
        agents.resetRecords();
      },
      onReady,
      onError: (error) => log.warn({ err: error }, "the watch of the agents broke and begins again"),
    }),
  );
}

function beatsFeed(options: FeedsOptions): Feed {
  const { stores, agents, silence, duties, lease, log } = options;
  return feed((onReady) =>
    stores.beats.watch({
      onBeat: (agent, beat, ageMs) => {
        const isBack = !agents.isInContact(agent) || agents.findBeat(agent)?.licence.number !== beat.licence.number;
        agents.onBeat(agent, beat, ageMs);
        silence.onBeat(agent, beat, ageMs);
        duties.onBeat(agent, beat, isBack);
      },
      onHost: (agent, report) => {
        agents.onReport(agent, report);
        duties.onReport(agent, report);
      },
      onLease: (one, sequence) => lease.onLease(one, sequence),
      onReady,
      onReset: () => {
        agents.resetBeats();
        silence.reset();
        lease.reset();
      },
      onError: (error) => log.warn({ err: error }, "the watch of the beats broke and begins again"),
    }),
  );
}
