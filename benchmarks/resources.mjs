// @ts-check
/** What was started or made, so that all of it goes again, also on Ctrl-C. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const STOP_LIMIT_MS = 10_000;
const COMPLAINT_CHARS = 2000;

/** @type {(() => Promise<unknown>)[]} */
const cleanUps = [];

/**
 * Runs at the end, the latest first. Must be harmless when its work is done already.
 *
 * @param {() => Promise<unknown>} action
 */
export function onCleanUp(action) {
  cleanUps.push(action);
}

/** How many clean-ups there are: {@link cleanUp} runs those that came after. */
export function cleanUpMark() {
  return cleanUps.length;
}

/** @param {number} mark */
export async function cleanUp(mark = 0) {
  while (cleanUps.length > mark) {
    await cleanUps
      .pop()?.()
      .catch((error) => console.error("cleaning up failed:", error));
  }
}

/** @param {string} prefix */
export async function makeFolder(prefix) {
  return mkdtemp(join(tmpdir(), prefix));
}

/**
 * A process of a stack; `lines` are those that it prints, `stop` ends it by its pid.
 *
 * @param {string} file
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string }} options
 */
export function startProcess(file, args, { env = process.env, cwd } = {}) {
  const child = spawn(file, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((resolve) => child.once("close", resolve).once("error", resolve));
  let printed = "";
  const hear = (/** @type {Buffer} */ bytes) => (printed = (printed + bytes.toString()).slice(-COMPLAINT_CHARS));
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  child.on("error", (error) => (printed += error.message));
  const hasEnded = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  const stop = async () => {
    if (hasEnded()) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
    await ended;
    clearTimeout(timer);
  };
  onCleanUp(stop);
  return {
    pid: child.pid ?? 0,
    stop,
    /**
     * Waits for a line that has `pattern`; throws with what was printed when the process ends before.
     *
     * @param {RegExp} pattern
     */
    async printed(pattern) {
      for (;;) {
        const match = pattern.exec(printed);
        if (match !== null) return match;
        if (hasEnded()) throw new Error(`${file} ${args[0] ?? ""} ended: ${printed}`);
        await Promise.race([once(child.stdout, "data"), once(child.stderr, "data"), ended]);
      }
    },
  };
}
