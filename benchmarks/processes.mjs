// @ts-check
/** Memory of processes, as Linux tells it. */
import { readdir, readFile, writeFile } from "node:fs/promises";

/**
 * Resident memory, MB (1e6 bytes); `pss` counts a page that n processes share as 1/n.
 *
 * @param {number} pid
 */
export async function memoryOf(pid) {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return { rss: megabytes(text, "Rss"), pss: megabytes(text, "Pss") };
}

/**
 * From now on {@link peakRss} tells the peak since now.
 *
 * @param {number} pid
 */
export async function resetPeakRss(pid) {
  await writeFile(`/proc/${pid}/clear_refs`, "5");
}

/**
 * The most that was resident at once, MB (1e6 bytes).
 *
 * @param {number} pid
 */
export async function peakRss(pid) {
  return megabytes(await readFile(`/proc/${pid}/status`, "utf8"), "VmHWM");
}

/**
 * The processes whose command line has all these words.
 *
 * @param {readonly string[]} words
 */
export async function findPids(words) {
  const pids = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const args = (await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "")).split("\0");
    if (words.every((word) => args.includes(word))) pids.push(Number(entry));
  }
  return pids;
}

/**
 * @param {string} text
 * @param {string} key
 */
function megabytes(text, key) {
  const kibibytes = Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? Number.NaN);
  return (kibibytes * 1024) / 1e6;
}
