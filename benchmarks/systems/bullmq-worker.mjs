// @ts-check
/** The process that takes scripts out of the queue and runs them. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";

const { BENCH_PACKAGES = "", BENCH_QUEUE = "", BENCH_REDIS_PORT = "" } = process.env;
const { Worker } = createRequire(`${BENCH_PACKAGES}/`)("bullmq");
const worker = new Worker(BENCH_QUEUE, runJob, {
  connection: { host: "127.0.0.1", port: Number(BENCH_REDIS_PORT) },
  concurrency: 8,
});
process.once("SIGTERM", () => process.exit(0));
await worker.waitUntilReady();
console.log("ready");

/** @param {any} job of BullMQ, which is installed on demand */
async function runJob(job) {
  const { script, first, log } = job.data;
  let isFirst = first === true;
  /** @type {Buffer[]} */
  const kept = [];
  const child = spawn("bash", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  const closed = new Promise((resolve) => child.once("close", resolve));
  for await (const bytes of child.stdout) {
    if (log === true) await job.log(bytes.toString("latin1"));
    else kept.push(bytes);
    if (isFirst) await job.updateProgress({ piece: bytes.toString("latin1") });
    isFirst = false;
  }
  return { status: await closed, output: Buffer.concat(kept).toString("latin1") };
}
