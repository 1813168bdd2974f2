// @ts-check
import { setTimeout as delay } from "node:timers/promises";
import { memoryOf } from "../processes.mjs";

/** @import { Bench } from "../words.d.ts" */

const RUNS = 20;
const QUIET_MS = 10_000;

/** @type {Bench} */
export const memory = {
  name: "memory",
  about: `resident memory of each process after ${RUNS} runs and ${QUIET_MS / 1000} s of quiet; pss counts shared pages once`,
  async measure(system, { add, n = RUNS }) {
    for (let count = 0; count < n; count++) await system.firstByte("echo hello", `memory ${count}`);
    await delay(QUIET_MS);
    const total = { rss: 0, pss: 0 };
    for (const { name, pid } of await system.processes()) {
      const { rss, pss } = await memoryOf(pid);
      total.rss += rss;
      total.pss += pss;
      add({ metric: `rss ${name}`, value: rss, unit: "MB", n });
      add({ metric: `pss ${name}`, value: pss, unit: "MB", n });
    }
    add({ metric: "rss total", value: total.rss, unit: "MB", n });
    add({ metric: "pss total", value: total.pss, unit: "MB", n });
  },
};
