// @ts-check
/**
 * Finished runs by the hundred thousand: their records are written into HISTORY as a server would, into a nats-server that
 * syncs now and then; what is measured runs on one that syncs every write.
 */
import { randomBytes } from "node:crypto";
import { connectNats, ensureTopology, HistoryStore } from "@jobs/core/jetstream";

/** @import { Run } from "@jobs/core" */

const IN_FLIGHT = 2_000;
const JOBS = 1_000;
const AGENTS = 50;
/** Every so many runs are of a job that runs rarely. */
const RARELY = 10_000;
const RARE_JOBS = 10;
const EVERY_MS = 1_000;
const WHAT = ["backup", "deploy", "report", "sync", "rotate", "vacuum", "index", "mirror"];

/** What there is to be asked for. */
export class FilledHistory {
  #nth = 0;
  #count;
  #endMs = Date.now();

  /** @param {number} count */
  constructor(count) {
    this.#count = count;
  }

  /** Another number each time, spread over all. */
  #next() {
    this.#nth = (this.#nth + 7_919) % 1_000_003;
    return this.#nth;
  }

  job() {
    return jobName(this.#next() % JOBS);
  }

  rareJob() {
    return `yearly audit ${this.#next() % RARE_JOBS}`;
  }

  agent() {
    return `host-${this.#next() % AGENTS}`;
  }

  text() {
    return `host-${this.#next() % 100}`;
  }

  instant() {
    return new Date(this.#atMs(this.#next() % this.#count)).toISOString();
  }

  /** @param {string} url */
  async write(url) {
    const link = await connectNats({ url, user: "server", password: "server", name: "benchmark" });
    try {
      await ensureTopology(link, Date.now);
      const store = new HistoryStore(link);
      let index = 0;
      const one = async () => {
        while (index < this.#count) {
          const { kind } = await store.write(this.#record(index++));
          if (kind !== "stored") throw new Error(`a record was not stored: ${kind}`);
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, one));
    } finally {
      await link.connection.close();
    }
  }

  /** @param {number} index */
  #atMs(index) {
    return this.#endMs - (this.#count - index) * EVERY_MS;
  }

  /**
   * @param {number} index
   * @returns {Run}
   */
  #record(index) {
    const at = (/** @type {number} */ afterMs) => new Date(this.#atMs(index) + afterMs).toISOString();
    const agent = `host-${index % AGENTS}`;
    const { state, reason } = endOf(index);
    const isSkipped = state === "skipped";
    const sha256 = randomBytes(32).toString("hex");
    const attempt = {
      number: 1,
      agent,
      licence: { session: "5f3c9a1e", number: index },
      assignedAt: at(0),
      lostAfterMs: 3_600_000,
      graceMs: 10_000,
      startedAt: at(8),
      exitedAt: at(4_008),
      exit: { exitCode: state === "completed" ? 0 : 1 },
      log: { lengthBytes: 4_096, sha256 },
    };
    const run = BigInt(`0x${randomBytes(13).toString("hex")}`)
      .toString(36)
      .padStart(21, "0");
    const job = index % RARELY === 0 ? `yearly audit ${(index / RARELY) % RARE_JOBS}` : jobName(index % JOBS);
    const log = { lengthBytes: 4_096, sha256, complete: true };
    return /** @type {Run} */ ({
      v: 1,
      job,
      run,
      writeId: "2f1c3a52-5a52-4c56-a2cb-25cf4aa1f9ba",
      state,
      reason,
      overlap: "queue",
      target: { kind: "agent", agent, name: agent },
      payload: {
        form: "plain",
        sha256,
        sizeBytes: 120,
        body: JSON.stringify({
          script: `make report && cp report.pdf $JOBS_OUTPUT # ${job}`,
          interpreter: ["bash"],
          env: {},
        }),
      },
      requestDigest: sha256,
      submittedBy: index % 5 === 0 ? "ci" : "ada",
      queueLimit: 100,
      waitAtMostMs: 86_400_000,
      lostAfterMs: 3_600_000,
      graceMs: 10_000,
      onLost: "fail",
      retry: { count: 0 },
      timeoutMs: null,
      silenceMs: null,
      times: {
        submittedAt: at(0),
        pendingAt: at(0),
        ...(isSkipped ? {} : { runningAt: at(10) }),
        endedAt: at(4_020),
        settledAt: at(4_050),
      },
      attempts: isSkipped ? [] : [attempt],
      output: {
        location: `file:///var/lib/jobs/artifacts/runs/${run}`,
        attempts: isSkipped
          ? []
          : [{ attempt: 1, log, artifacts: [{ name: "report.pdf", sizeBytes: 81_920, sha256 }] }],
      },
    });
  }
}

/** @param {number} number */
function jobName(number) {
  return `${WHAT[number % WHAT.length]} of host-${number}`;
}

/** @param {number} index */
function endOf(index) {
  if (index % 13 === 0) return { state: "failed", reason: index % 26 === 0 ? "timeout" : "exit" };
  if (index % 1_009 === 0) return { state: "cancelled", reason: "cancelled-by" };
  if (index % 31 === 0) return { state: "skipped", reason: "overlap" };
  return { state: "completed", reason: "exit" };
}
