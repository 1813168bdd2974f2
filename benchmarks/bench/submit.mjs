// @ts-check
import { percentile } from "../report.mjs";

/** @import { Bench, BenchContext, Submissions, Work } from "../words.d.ts" */

const COUNT = 5_000;
const IN_FLIGHT = 64;
/** V8 compiles what is hot in the first some thousand, in the client as in the server. */
const WARM_UPS = 5_000;
/** So many runs of one job may wait. */
const ONE_JOB = 1_000;
const WAITING = 100_000;
const LONE = 200;
const SCRIPT = "make report && cp report.pdf $JOBS_OUTPUT";

/** @type {Bench} */
export const submit = {
  name: "submit",
  about: "accepted submissions a second, each synced before it is answered; nothing runs meanwhile",
  async measure({ submissions, peer }, context) {
    if (submissions === undefined) return context.say(`${peer} keeps nothing: there is nothing to submit to`);
    const { n = COUNT, add } = context;
    const take = (/** @type {string} */ metric, /** @type {number} */ count, /** @type {number} */ seconds) =>
      add({ metric, value: count / seconds, unit: "submissions/s", n: count });
    await submissions.hold();
    const warmUps = Math.min(n, WARM_UPS);
    const cold = await inFlight(submissions, IN_FLIGHT, worksOf("warm up", warmUps));
    const lone = await loneMs(submissions, "lone");
    take("single", n, await inFlight(submissions, IN_FLIGHT, worksOf("single", n)));
    take(`single, the first ${warmUps}`, warmUps, cold);
    take("in-flight-1000", n, await inFlight(submissions, 1_000, worksOf("thousand", n)));
    const distinct = worksOf("distinct", n).map((work) => ({ ...work, script: `${SCRIPT} # ${work.name}` }));
    take("distinct scripts", n, await inFlight(submissions, IN_FLIGHT, distinct));
    const oneJob = Math.min(n, ONE_JOB);
    take("one job", oneJob, await inFlight(submissions, IN_FLIGHT, sameJob("one job", oneJob)));
    const coldBulk = await seconds(() => submissions.many(worksOf("bulk warm up", warmUps)));
    take("bulk", 2 * n, await seconds(() => submissions.many(worksOf("bulk", 2 * n))));
    take(`bulk, the first ${warmUps}`, warmUps, coldBulk);
    take("bulk, one job", oneJob, await seconds(() => submissions.many(sameJob("one job in bulk", oneJob))));
    const waiting = Math.ceil(WAITING * (n / COUNT));
    await submissions.many(worksOf("waiting", waiting));
    take(`single, ${waiting} waiting`, n, await inFlight(submissions, IN_FLIGHT, worksOf("behind", n)));
    for (const [metric, milliseconds] of /** @type {const} */ ([
      ["alone", lone],
      [`alone, ${waiting} waiting`, await loneMs(submissions, "lone behind")],
    ])) {
      for (const percent of [50, 99])
        add({ metric: `${metric}, p${percent}`, value: percentile(milliseconds, percent), unit: "ms", n: LONE });
    }
  },
};

/**
 * @param {string} prefix
 * @param {number} count
 * @returns {readonly Work[]}
 */
function worksOf(prefix, count) {
  return Array.from({ length: count }, (_, index) => ({ name: `${prefix} ${index}`, script: SCRIPT }));
}

/**
 * @param {string} name
 * @param {number} count
 * @returns {readonly Work[]}
 */
function sameJob(name, count) {
  return Array.from({ length: count }, () => ({ name, script: SCRIPT }));
}

/** @param {() => Promise<unknown>} act */
async function seconds(act) {
  const started = performance.now();
  await act();
  return (performance.now() - started) / 1000;
}

/**
 * @param {Submissions} submissions
 * @param {number} count
 * @param {readonly Work[]} works
 */
function inFlight(submissions, count, works) {
  const left = works.values();
  const one = async () => {
    for (const work of left) await submissions.one(work);
  };
  return seconds(() => Promise.all(Array.from({ length: count }, one)));
}

/**
 * One after another, each by itself.
 *
 * @param {Submissions} submissions
 * @param {string} prefix
 */
async function loneMs(submissions, prefix) {
  const milliseconds = [];
  for (const work of worksOf(prefix, LONE)) milliseconds.push(1000 * (await seconds(() => submissions.one(work))));
  return milliseconds;
}
