/** Figures of this server: whether it decides, how current its view is, how near NATS is. */
import type { NatsLink } from "@jobs/core/jetstream";
import type { DecidingLease } from "../duties/deciding-lease.ts";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import type { ViewMark } from "../projection/view-mark.ts";
import { VERSION } from "../version.ts";
import type { Gauges } from "./gauges.ts";

export interface ServerFiguresOptions {
  readonly jobs: Pick<JobsProjection, "pausedJobs" | "settings">;
  readonly lease: Pick<DecidingLease, "isHeld">;
  readonly mark: Pick<ViewMark, "isCurrent" | "ageMs">;
  readonly isConnected: () => boolean;
}

export function measureServer(gauges: Gauges, { jobs, lease, mark, isConnected }: ServerFiguresOptions): void {
  gauges.jobs_paused_jobs.set(jobs.pausedJobs());
  gauges.jobs_all_paused.set(Number(jobs.settings.settings.paused !== undefined));
  gauges.jobs_server_deciding.set(Number(lease.isHeld));
  gauges.jobs_view_current.set(Number(mark.isCurrent()));
  gauges.jobs_view_age_seconds.set(mark.ageMs() / 1000);
  gauges.jobs_nats_connected.set(Number(isConnected()));
  gauges.jobs_build_info.set({ version: VERSION }, 1);
}

export interface RoundTripOptions {
  readonly connection: Pick<NatsLink["connection"], "flush">;
  readonly isConnected: () => boolean;
  readonly monotonicMs: () => number;
}

/** A scrape waits no longer than this for NATS, milliseconds. */
const ROUND_TRIP_MAX_MS = 1_000;

/** How long a ping to NATS and back takes, seconds; the most that is waited for when there is no answer. */
export async function roundTripSeconds({ connection, isConnected, monotonicMs }: RoundTripOptions): Promise<number> {
  if (!isConnected()) return ROUND_TRIP_MAX_MS / 1000;
  const startedMs = monotonicMs();
  let timer: NodeJS.Timeout | undefined;
  const timeOut = new Promise<number>((resolve) => {
    timer = setTimeout(() => resolve(ROUND_TRIP_MAX_MS), ROUND_TRIP_MAX_MS);
  });
  const answered = connection.flush().then(
    () => monotonicMs() - startedMs,
    () => ROUND_TRIP_MAX_MS,
  );
  try {
    return (await Promise.race([answered, timeOut])) / 1000;
  } finally {
    clearTimeout(timer);
  }
}
