/** The gauges: what is measured anew at each scrape. `docs/metrics.md` has the same list for people; a test compares them. */
import { Gauge, type Registry } from "prom-client";

/** Labels have few values that are known beforehand: never a job, a run or a host, of which there may be any number. */
const GAUGES = {
  jobs_runs_live: { help: "Runs that have not settled.", labels: ["state", "waiting_for"] },
  jobs_runs_silent: { help: "Runs whose hosts say nothing of them." },
  jobs_runs_overdue: { help: "Runs whose next step should have been done by now.", labels: ["owner"] },
  jobs_runs_left_over: { help: "Runs that have ended with processes left over on their hosts." },
  jobs_attempts_unaccounted: { help: "Attempts that run on hosts though no record accounts for them." },
  jobs_queue_length: { help: "Runs that wait to be assigned to an agent." },
  jobs_queue_longest: { help: "Runs that wait, of the one job of which most do." },
  jobs_queue_oldest_seconds: { help: "How long the run has waited that waits longest.", labels: ["waiting_for"] },
  jobs_agents: { help: "Agents, by whether their beats come.", labels: ["contact"] },
  jobs_agent_slots: { help: "Attempts that agents may carry out at once.", labels: ["contact"] },
  jobs_agent_slots_used: { help: "Attempts assigned to agents.", labels: ["contact"] },
  jobs_paused_jobs: { help: "Jobs that are paused." },
  jobs_all_paused: { help: "1 while everything is paused." },
  jobs_server_deciding: { help: "1 while this server decides." },
  jobs_view_current: { help: "1 while this server's view of the store is current." },
  jobs_view_age_seconds: { help: "Time since this server's view was certainly current." },
  jobs_nats_connected: { help: "1 while this server is connected to NATS." },
  jobs_nats_rtt_seconds: { help: "Time of a ping to NATS and back; 1 when it took longer or failed." },
  jobs_build_info: { help: "Always 1; the version is in the label.", labels: ["version"] },
} as const satisfies Record<string, { readonly help: string; readonly labels?: readonly string[] }>;

type GaugeName = keyof typeof GAUGES;
export type Gauges = Readonly<Record<GaugeName, Gauge>>;

export function createGauges(registry: Registry): Gauges {
  const made = Object.entries(GAUGES).map(([name, gauge]) => {
    const labelNames = "labels" in gauge ? gauge.labels : [];
    return [name, new Gauge({ name, help: gauge.help, labelNames, registers: [registry] })] as const;
  });
  return Object.fromEntries(made) as Record<GaugeName, Gauge>;
}
