/**
 * After a restore of the store, which is given a new epoch, hosts may run what the store knows nothing of. So nothing
 * starts until each agent that was known before has been heard; or, of one that is gone, until its scripts have certainly
 * been ended there.
 */
import type { AgentsProjection } from "../projection/agents-projection.ts";

/** Without contact for so long hosts end what they run, unless a job says otherwise, milliseconds. */
const AT_MOST_MS = 60 * 60 * 1000;

export interface RestoreGateOptions {
  readonly agents: Pick<AgentsProjection, "isAnyUnheard">;
  readonly epoch: () => string;
  readonly monotonicMs: () => number;
}

export class RestoreGate {
  readonly #options: RestoreGateOptions;
  /** When this process first saw the epoch, by its name. */
  #since: { readonly epoch: string; readonly atMs: number } | undefined;

  constructor(options: RestoreGateOptions) {
    this.#options = options;
  }

  /** True while something may run that the store knows nothing of. */
  isClosed(): boolean {
    const { agents, epoch, monotonicMs } = this.#options;
    if (this.#since?.epoch !== epoch()) this.#since = { epoch: epoch(), atMs: monotonicMs() };
    return monotonicMs() - this.#since.atMs < AT_MOST_MS && agents.isAnyUnheard(epoch());
  }
}
