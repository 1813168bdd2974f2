/** Writes what holds for all jobs: a compare-and-set on itself. It starts and ends no run, so it needs no job's guard. */
import { JobsError, type Settings } from "@jobs/core";
import type { JobStore } from "@jobs/core/jetstream";
import type { JobsProjection } from "../projection/jobs-projection.ts";

export interface SettingsKeeperOptions {
  readonly store: Pick<JobStore, "writeSettings">;
  readonly jobs: JobsProjection;
  /** Throws `no-deciding-server` while this server may not decide. */
  readonly assertMayDecide: () => void;
}

export class SettingsKeeper {
  readonly #options: SettingsKeeperOptions;

  constructor(options: SettingsKeeperOptions) {
    this.#options = options;
  }

  /** Throws `store-unavailable` when somebody else wrote just now, or when the outcome is not known: ask again. */
  async change(
    next: (before: Settings) => Settings,
  ): Promise<{ readonly settings: Settings; readonly sequence: number; readonly isNew: boolean }> {
    const { store, jobs, assertMayDecide } = this.#options;
    assertMayDecide();
    const before = jobs.settings;
    const settings = next(before.settings);
    if (JSON.stringify(settings) === JSON.stringify(before.settings)) return { ...before, isNew: false };
    const outcome = await store.writeSettings(settings, before.sequence);
    if (outcome.kind !== "stored") {
      const message = "Nobody knows whether it was stored, or somebody else changed it just now: look, and try again.";
      throw new JobsError("store-unavailable", message);
    }
    jobs.applySettings(settings, outcome.sequence);
    // Another one that decides by now has seen it, or will before it decides anything; if this one does, nobody else did yet.
    assertMayDecide();
    return { settings, sequence: outcome.sequence, isNew: true };
  }
}
