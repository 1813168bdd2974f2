// @ts-check
import { createHash } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { peakRss, resetPeakRss } from "../processes.mjs";
import { makeFolder, onCleanUp } from "../resources.mjs";

/** @import { Bench } from "../words.d.ts" */

const LINE_BYTES = 80;
const LINES = 2_500_000;
const BYTES = LINES * LINE_BYTES;
const LINES_A_BLOCK = 10_000;

/** @type {Bench} */
export const logs = {
  name: "logs",
  about: `a script prints ${BYTES / 1e6} MB in lines of ${LINE_BYTES} bytes, until the caller has every byte; MB of what the script printed`,
  async measure(system, { add, say, trace }) {
    const { script, sha256 } = await prepareText();
    const expectedBytes = system.lineEnd === "\r\n" ? BYTES + LINES : BYTES;
    for (const { name, read } of system.logWays) {
      const label = name === undefined ? "" : ` (${name})`;
      const processes = await system.processes();
      for (const { pid } of processes) await resetPeakRss(pid);
      const hash = createHash("sha256");
      const started = performance.now();
      let sizeBytes = 0;
      let lastByteMs = Number.NaN;
      const marks = await read(script, (bytes) => {
        hash.update(bytes);
        sizeBytes += bytes.length;
        if (sizeBytes === expectedBytes) lastByteMs = performance.now() - started;
      });
      const endMs = performance.now() - started;
      if (hash.digest("hex") !== sha256[system.lineEnd])
        throw new Error(`${system.peer}: not the bytes that the script printed`);
      add({ metric: `rate${label}`, value: BYTES / 1e3 / lastByteMs, unit: "MB/s", n: 1 });
      add({ metric: `rate until the end is known${label}`, value: BYTES / 1e3 / endMs, unit: "MB/s", n: 1 });
      for (const process of processes) {
        add({ metric: `peak rss ${process.name}${label}`, value: await peakRss(process.pid), unit: "MB", n: 1 });
      }
      if (!trace) continue;
      say(`milliseconds from the call${label}: last byte ${Math.round(lastByteMs)}, log's end ${Math.round(endMs)}`);
      for (const [mark, ms] of Object.entries(marks ?? {})) say(`  ${mark.padEnd(14)} ${ms.toFixed(0).padStart(6)}`);
    }
  },
};

/** No two lines are alike, so that an exchange of any two would show in the hash. Printed from a file, which costs next to nothing. */
async function prepareText() {
  const directory = await makeFolder("jobs-bench-text-");
  onCleanUp(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "text");
  const hashes = { "\n": createHash("sha256"), "\r\n": createHash("sha256") };
  const file = await open(path, "wx");
  for (let first = 0; first < LINES; first += LINES_A_BLOCK) {
    const block = Array.from({ length: LINES_A_BLOCK }, (_, index) => line(first + index)).join("\n") + "\n";
    hashes["\n"].update(block);
    hashes["\r\n"].update(block.replaceAll("\n", "\r\n"));
    await file.write(block);
  }
  await file.close();
  return {
    script: `cat '${path}'`,
    sha256: { "\n": hashes["\n"].digest("hex"), "\r\n": hashes["\r\n"].digest("hex") },
  };
}

/** @param {number} number */
function line(number) {
  return `line ${String(number).padStart(8, "0")} `.padEnd(
    LINE_BYTES - 1,
    "such as a build would print, over and over ",
  );
}
