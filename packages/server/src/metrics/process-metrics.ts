import { collectDefaultMetrics, Registry } from "prom-client";

let registry: Registry | undefined;

/**
 * Figures of this process: CPU, memory, event loop, garbage collection. One registry for all servers in it, made at the
 * first scrape: what prom-client begins for it cannot be ended, so a server that comes and goes must not begin it anew.
 * It keeps no process alive.
 */
export function processMetrics(): Registry {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
  }
  return registry;
}
