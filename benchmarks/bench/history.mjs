// @ts-check
import { memoryOf } from "../processes.mjs";
import { percentile } from "../report.mjs";

/** @import { Bench, BenchContext, History, HistoryFilter } from "../words.d.ts" */

const COUNT = 1_000_000;
/** Pages of each kind. */
const PAGES = 200;
const PAGE_RUNS = 50;

/** @type {Bench} */
export const history = {
  name: "history",
  about: `a server with ${COUNT.toLocaleString("en")} finished runs: start-up, memory, and pages of ${PAGE_RUNS} runs as its client gets them`,
  async measure({ history: store, peer }, context) {
    if (store === undefined) return context.say(`${peer} has no lists of finished runs that are kept`);
    const { n = COUNT, add, say } = context;
    const emptyMB = (await memoryOf(await store.serverPid())).rss;
    say(`writing ${n} records`);
    const runs = await store.fill(n);
    const seconds = await store.restart();
    add({ metric: "start-up", value: seconds, unit: "s", n });
    const fullMB = (await memoryOf(await store.serverPid())).rss;
    add({ metric: "rss server, empty", value: emptyMB, unit: "MB", n: 0 });
    add({ metric: "rss server", value: fullMB, unit: "MB", n });
    add({ metric: "memory-per-run", value: ((fullMB - emptyMB) * 1e6) / n, unit: "bytes", n });
    await pages(store, context, { name: "", filterOf: () => ({}) });
    await pages(store, context, { name: "one job", filterOf: () => ({ job: runs.job() }) });
    await pages(store, context, { name: "rare state", filterOf: () => ({ state: "cancelled" }) });
    await pages(store, context, { name: "state and reason", filterOf: () => ({ state: "failed", reason: "timeout" }) });
    await pages(store, context, { name: "agent", filterOf: () => ({ agent: runs.agent() }) });
    await pages(store, context, { name: "text", filterOf: () => ({ name: runs.text() }) });
    await pages(store, context, { name: "text of no job", filterOf: () => ({ name: "no job is called so" }) });
    await pages(store, context, { name: "one job in a hundred", filterOf: () => ({ job: runs.rareJob() }) });
    await pages(store, context, { name: "deep", filterOf: () => ({ until: runs.instant() }) });
    const counting = [];
    for (let count = 0; count < PAGES; count++)
      counting.push(await milliseconds(() => store.count({ state: "failed" })));
    take(add, "count", counting);
  },
};

/**
 * The first page and the one after it, each by itself.
 *
 * @param {History} store
 * @param {BenchContext} context
 * @param {{ name: string, filterOf: () => HistoryFilter }} kind
 */
async function pages(store, { add }, { name, filterOf }) {
  const taken = [];
  for (let count = 0; count < PAGES; count += 2) {
    const filter = { ...filterOf(), limit: PAGE_RUNS };
    /** @type {string | undefined} */
    let next;
    taken.push(await milliseconds(async () => (next = await store.page(filter))));
    if (next !== undefined) taken.push(await milliseconds(() => store.page({ ...filter, after: next })));
  }
  take(add, name === "" ? "list" : `list, ${name}`, taken);
}

/**
 * @param {BenchContext["add"]} add
 * @param {string} metric
 * @param {readonly number[]} values
 */
function take(add, metric, values) {
  const [kind = "", ...rest] = metric.split(", ");
  for (const percent of [50, 95])
    add({
      metric: [`${kind}-p${percent}`, ...rest].join(", "),
      value: percentile(values, percent),
      unit: "ms",
      n: values.length,
    });
}

/** @param {() => Promise<unknown>} act */
async function milliseconds(act) {
  const started = performance.now();
  await act();
  return performance.now() - started;
}
