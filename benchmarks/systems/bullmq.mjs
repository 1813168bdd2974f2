// @ts-check
/** BullMQ over a Redis that syncs every write; one process takes the scripts and runs them with `bash -c` on pipes. */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startProcess } from "../resources.mjs";
import { findProgram, freePort, installPackages } from "./install.mjs";

/** @import { FirstByte, LogWay, StartOptions, Submissions, System } from "../words.d.ts" */
/** @typedef {Awaited<ReturnType<typeof openQueue>>} OpenQueue */

/** The newest that run on Node 20. */
const PACKAGES = { bullmq: "6.7.0", ioredis: "5.11.1" };
const QUEUE = "bench";
const POLL_MS = 2;
const LOG_PAGE = 64;
/** As many at once as Jobs takes. */
const BULK = 1_000;
const RUNNER = fileURLToPath(new URL("bullmq-worker.mjs", import.meta.url));

/**
 * @param {StartOptions} options
 * @returns {Promise<System>}
 */
export async function startBullmq({ directory, say }) {
  const file = await findProgram("redis-server", { debian: "redis-server", say });
  const folder = await installPackages(PACKAGES, say);
  const { redis, port } = await startRedis(file, join(directory, "redis"));
  const worker = startProcess(process.execPath, [RUNNER], {
    env: { ...process.env, BENCH_PACKAGES: folder, BENCH_QUEUE: QUEUE, BENCH_REDIS_PORT: String(port) },
  });
  await worker.printed(/ready/);
  const open = await openQueue(folder, port);
  const { stdout } = await promisify(execFile)(file, ["--version"]);
  return {
    peer: "bullmq (fsync always)",
    version: `bullmq ${PACKAGES.bullmq}, redis ${/v=(\S+)/.exec(stdout)?.[1] ?? "unknown"}`,
    lineEnd: "\n",
    remembersScripts: false,
    firstByte: (script) => firstByte(open, script),
    logWays: [returnValue(open), jobLog(open)],
    submissions: submissionsOf(open),
    processes: () =>
      Promise.resolve([
        { name: "redis", pid: redis.pid },
        { name: "worker", pid: worker.pid },
      ]),
    stop: async () => {
      await open.close();
      await worker.stop();
      await redis.stop();
    },
  };
}

/**
 * @param {string} file
 * @param {string} folder
 */
async function startRedis(file, folder) {
  const port = await freePort();
  await mkdir(folder);
  const conf = join(folder, "redis.conf");
  const lines = ["bind 127.0.0.1", `port ${port}`, `dir ${folder}`, "appendonly yes", "appendfsync always", 'save ""'];
  await writeFile(conf, `${lines.join("\n")}\nmaxmemory-policy noeviction\n`);
  const redis = startProcess(file, [conf]);
  await redis.printed(/Ready to accept connections/);
  return { redis, port };
}

/**
 * @param {string} folder
 * @param {number} port
 */
async function openQueue(folder, port) {
  const { Queue, QueueEvents } = createRequire(join(folder, "/"))("bullmq");
  const connection = { host: "127.0.0.1", port };
  const queue = new Queue(QUEUE, { connection });
  const events = new QueueEvents(QUEUE, { connection });
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
  return {
    queue,
    events,
    /** @param {(returned: { output: string }) => void} onCompleted */
    hear: (/** @type {string} */ id, onCompleted, onProgress = () => {}) =>
      new Promise((resolve, reject) => {
        const stop = () => events.off("completed", completed).off("failed", failed).off("progress", progress);
        const completed = (/** @type {{ jobId: string, returnvalue: unknown }} */ { jobId, returnvalue }) => {
          if (jobId !== id) return;
          stop();
          onCompleted(typeof returnvalue === "string" ? JSON.parse(returnvalue) : returnvalue);
          resolve(undefined);
        };
        const failed = (/** @type {{ jobId: string, failedReason: string }} */ { jobId, failedReason }) => {
          if (jobId !== id) return;
          stop();
          reject(new Error(failedReason));
        };
        const progress = (/** @type {{ jobId: string }} */ { jobId }) => {
          if (jobId === id) onProgress();
        };
        events.on("completed", completed).on("failed", failed).on("progress", progress);
      }),
    close: () => Promise.all([queue.close(), events.close()]),
  };
}

/**
 * The first piece of output comes as a progress event.
 *
 * @param {OpenQueue} open
 * @param {string} script
 * @returns {Promise<FirstByte>}
 */
async function firstByte({ queue, hear }, script) {
  const id = randomUUID();
  const started = performance.now();
  let firstMs = Number.NaN;
  let text = "";
  const ended = hear(
    id,
    ({ output }) => (text = output),
    () => (firstMs = performance.now() - started),
  );
  await queue.add("run", { script, first: true }, { jobId: id });
  await ended;
  return { firstMs, text };
}

/**
 * Every job of the queue waits for a worker; of the same name or not makes no difference there.
 *
 * @param {OpenQueue} open
 * @returns {Submissions}
 */
function submissionsOf({ queue }) {
  return {
    hold: () => queue.pause(),
    one: ({ name, script, atMs }) => queue.add(name, { script }, optionsOf(atMs)),
    async many(works) {
      for (let from = 0; from < works.length; from += BULK)
        await queue.addBulk(
          works
            .slice(from, from + BULK)
            .map(({ name, script, atMs }) => ({ name, data: { script }, opts: optionsOf(atMs) })),
        );
    },
  };
}

/** @param {number | undefined} atMs */
function optionsOf(atMs) {
  return atMs === undefined ? {} : { delay: Math.max(0, atMs - Date.now()) };
}

/**
 * Nothing before the end, then all of it at once.
 *
 * @param {OpenQueue} open
 * @returns {LogWay}
 */
function returnValue({ queue, hear }) {
  return {
    name: "return value",
    async read(script, onBytes) {
      const id = randomUUID();
      const ended = hear(id, ({ output }) => onBytes(Buffer.from(output, "latin1")));
      await queue.add("run", { script }, { jobId: id });
      await ended;
      await queue.obliterate({ force: true });
      return undefined;
    },
  };
}

/**
 * One `job.log()` a piece while the script runs, and the submitter asks for further ones all the time.
 *
 * @param {OpenQueue} open
 * @returns {LogWay}
 */
function jobLog({ queue, hear }) {
  return {
    name: "job.log",
    async read(script, onBytes) {
      const id = randomUUID();
      let hasEnded = false;
      const ended = hear(id, () => (hasEnded = true));
      await queue.add("run", { script, log: true }, { jobId: id });
      for (let next = 0; ;) {
        const isLast = hasEnded;
        const { logs } = await queue.getJobLogs(id, next, next + LOG_PAGE - 1);
        next += logs.length;
        for (const piece of logs) onBytes(Buffer.from(piece, "latin1"));
        if (logs.length > 0) continue;
        if (isLast) break;
        await delay(POLL_MS);
      }
      await ended;
      await queue.obliterate({ force: true });
      return undefined;
    },
  };
}
