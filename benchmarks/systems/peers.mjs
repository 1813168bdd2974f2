// @ts-check
/** What else engineers could use. Each is installed when it is missing, and started on loopback in a folder of its own. */
import { startBullmq } from "./bullmq.mjs";
import { startSsh } from "./ssh.mjs";

/** @import { StartOptions, System } from "../words.d.ts" */

/**
 * @param {StartOptions} options
 * @returns {(() => Promise<System>)[]}
 */
export function startPeers(options) {
  return [() => startSsh(options, "cold"), () => startSsh(options, "ControlMaster"), () => startBullmq(options)];
}
