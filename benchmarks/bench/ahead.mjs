// @ts-check
/** @import { Bench } from "../words.d.ts" */

const COUNT = 100_000;
const AHEAD_MS = 3_600_000;

/** @type {Bench} */
export const ahead = {
  name: "ahead",
  about: "100,000 runs, a job each, accepted an hour ahead of their time, each synced before it is answered",
  async measure({ submissions, peer }, { n = COUNT, add, say }) {
    if (submissions === undefined) return say(`${peer} keeps nothing: there is nothing to submit to`);
    const atMs = Date.now() + AHEAD_MS;
    const works = Array.from({ length: n }, (_, index) => ({ name: `ahead ${index}`, script: "true", atMs }));
    const started = performance.now();
    await submissions.many(works);
    add({ metric: "seconds", value: (performance.now() - started) / 1000, unit: "s", n });
  },
};
