// @ts-check
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { percentile } from "../report.mjs";
import { makeFolder, onCleanUp } from "../resources.mjs";

/** @import { Bench, Submissions, Work } from "../words.d.ts" */

const COUNT = 100;
const WITHIN_MS = 30_000;
const BURST = 1_000;
/** As many as an agent has on two cores. */
const PLACES = 8;
/** Time to hand them all in. */
const LEAD_MS = 6_000;
const POLL_MS = 50;
const GIVE_UP_MS = 120_000;

/** @type {Bench} */
export const lateness = {
  name: "lateness",
  about: "how late a script starts by its own clock: 100 at random instants, and 1,000 at one instant, 8 at a time",
  async measure({ submissions, peer }, { n = COUNT, add, say }) {
    if (submissions === undefined) return say(`${peer} keeps nothing: there is nothing to submit to`);
    const fromMs = Date.now() + LEAD_MS;
    const random = Array.from({ length: n }, () => Math.floor(fromMs + Math.random() * WITHIN_MS));
    const late = await startsOf(submissions, "at random", random);
    for (const [metric, percent] of /** @type {const} */ ([
      ["p50", 50],
      ["p99", 99],
      ["max", 100],
    ]))
      add({ metric, value: percentile(late, percent), unit: "ms", n });
    const burst = BURST * (n / COUNT);
    const atMs = Date.now() + LEAD_MS;
    const starts = await startsOf(
      submissions,
      "burst",
      Array.from({ length: burst }, () => atMs),
    );
    add({ metric: "burst-first", value: Math.min(...starts), unit: "ms", n: burst });
    add({ metric: "burst-last", value: Math.max(...starts), unit: "ms", n: burst });
    add({ metric: "spawn-last", value: await lastSpawned(burst), unit: "ms", n: burst });
  },
};

/**
 * After how long the last of so many scripts starts when Node spawns them and does nothing else, as many at a time: what
 * this machine takes for them in any case, milliseconds.
 *
 * @param {number} count
 */
async function lastSpawned(count) {
  const folder = await makeFolder("jobs-bench-spawn-");
  onCleanUp(() => rm(folder, { recursive: true, force: true }));
  const file = `${folder}/starts`;
  const startedAt = Date.now();
  let left = count;
  await Promise.all(
    Array.from({ length: PLACES }, async () => {
      while (left-- > 0)
        await once(spawn("bash", ["-c", `echo $EPOCHREALTIME >> ${file}`], { stdio: "ignore" }), "exit");
    }),
  );
  const starts = (await readFile(file, "utf8")).trim().split("\n");
  return Math.max(...starts.map((started) => Number(started.replace(",", ".")) * 1000)) - startedAt;
}

/**
 * How much later than its instant each script started, by its own clock, milliseconds.
 *
 * @param {Submissions} submissions
 * @param {string} prefix
 * @param {readonly number[]} instants
 */
async function startsOf(submissions, prefix, instants) {
  const folder = await makeFolder("jobs-bench-lateness-");
  onCleanUp(() => rm(folder, { recursive: true, force: true }));
  const file = `${folder}/starts`;
  /** @type {readonly Work[]} */
  const works = instants.map((atMs, index) => ({
    name: `${prefix} ${index}`,
    script: `echo ${atMs} $EPOCHREALTIME >> ${file}`,
    atMs,
  }));
  await submissions.many(works);
  const giveUpAt = performance.now() + WITHIN_MS + GIVE_UP_MS;
  for (;;) {
    const lines = (await readFile(file, "utf8").catch(() => "")).trim().split("\n").filter(Boolean);
    if (lines.length >= instants.length)
      return lines.map((line) => {
        const [asked, started] = line.split(" ");
        return Number(started?.replace(",", ".")) * 1000 - Number(asked);
      });
    if (performance.now() > giveUpAt) throw new Error(`${lines.length} of ${instants.length} scripts have started`);
    await delay(POLL_MS);
  }
}
