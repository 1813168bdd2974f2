// @ts-check
import { setTimeout as delay } from "node:timers/promises";
import { percentile } from "../report.mjs";

/** @import { Bench, BenchContext, System } from "../words.d.ts" */

const COUNT = 200;
const WARM_UPS = 20;

/** @type {Bench} */
export const latency = {
  name: "latency",
  about:
    "from the call of submitJob() to the script's first output byte in the caller's hands, idle, one after another",
  async measure(system, context) {
    await measureSeries(system, context, { label: "", script: () => "echo hello" });
    if (!system.remembersScripts) return;
    // A text that was never seen before must have its syntax checked first.
    await measureSeries(system, context, { label: " distinct scripts", script: (name) => `echo hello # ${name}` });
  },
};

/**
 * @param {System} system
 * @param {BenchContext} context
 * @param {{ label: string, script: (name: string) => string }} series
 */
async function measureSeries(system, { n = COUNT, add, say, trace }, { label, script }) {
  const milliseconds = [];
  /** @type {Map<string, number[]>} */
  const marks = new Map();
  for (let count = -WARM_UPS; count < n; count++) {
    const name = `latency${label} ${count}`;
    const result = await system.firstByte(script(name), name);
    const expected = `hello${system.lineEnd}`;
    if (result.text !== expected)
      throw new Error(`got ${JSON.stringify(result.text)}, not ${JSON.stringify(expected)}`);
    if (count >= 0) {
      milliseconds.push(result.firstMs);
      for (const [mark, ms] of Object.entries(result.marks ?? {})) marks.set(mark, [...(marks.get(mark) ?? []), ms]);
    }
    await pause();
  }
  for (const [metric, percent] of /** @type {const} */ ([
    ["p50", 50],
    ["p99", 99],
    ["max", 100],
  ])) {
    add({ metric: metric + label, value: percentile(milliseconds, percent), unit: "ms", n });
  }
  if (!trace || marks.size === 0) return;
  say(`milliseconds from the call${label === "" ? "" : `,${label}`}: p50, p99`);
  for (const [mark, values] of marks) {
    say(
      `  ${mark.padEnd(14)} ${[50, 99].map((percent) => percentile(values, percent).toFixed(1).padStart(7)).join("")}`,
    );
  }
}

/** Of random length: not always in the same phase of somebody's timer. */
async function pause() {
  await delay(5 + Math.random() * 10);
}
