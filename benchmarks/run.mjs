// @ts-check
/** `node benchmarks/run.mjs NAME…`: see `--help`. Figures go to the standard output, all other words to the standard error. */
import { rm } from "node:fs/promises";
import { parseArgs } from "node:util";
import { ahead } from "./bench/ahead.mjs";
import { history } from "./bench/history.mjs";
import { latency } from "./bench/latency.mjs";
import { lateness } from "./bench/lateness.mjs";
import { logs } from "./bench/logs.mjs";
import { memory } from "./bench/memory.mjs";
import { submit } from "./bench/submit.mjs";
import { describeMachine } from "./machine.mjs";
import { figureMaker, printTable } from "./report.mjs";
import { cleanUp, cleanUpMark, makeFolder, onCleanUp } from "./resources.mjs";
import { startJobs } from "./systems/jobs.mjs";
import { startPeers } from "./systems/peers.mjs";

/** @import { Bench, BenchOptions, Figure } from "./words.d.ts" */

/** @type {readonly Bench[]} */
const BENCHES = [ahead, history, lateness, latency, logs, memory, submit];

const USAGE = `npm run bench -- NAME… [options]     NAME: ${BENCHES.map(({ name }) => name).join(", ")}, all

  --list          names the benchmarks
  --peers         also what else engineers could use, on the same work; installs what is missing
  --json          one JSON line a figure in place of a table
  --n N           how often, where a benchmark repeats something
  --trace         where the time goes, from the timestamps of the runs (latency)
  --cpu-prof DIR  CPU profiles of server and agent`;

const { values, positionals } = parseArguments();
if (values.help) say(USAGE);
else if (values.list) for (const { name, about } of BENCHES) console.log(`${name.padEnd(10)} ${about}`);
else await main();

function parseArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        list: { type: "boolean" },
        help: { type: "boolean" },
        peers: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        n: { type: "string" },
        trace: { type: "boolean", default: false },
        "cpu-prof": { type: "string" },
      },
    });
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(64);
  }
}

async function main() {
  const wanted = positionals.includes("all") ? BENCHES : BENCHES.filter(({ name }) => positionals.includes(name));
  const unknown = positionals.filter((name) => name !== "all" && BENCHES.every((bench) => bench.name !== name));
  const n = values.n === undefined ? undefined : Number(values.n);
  if (wanted.length === 0 || unknown.length > 0 || (n !== undefined && !(Number.isSafeInteger(n) && n > 0))) {
    say(unknown.length > 0 ? `There is no benchmark ${unknown.join(", ")}.\n\n${USAGE}` : USAGE);
    process.exit(64);
  }
  for (const [signal, number] of /** @type {const} */ ([
    ["SIGHUP", 1],
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ])) {
    process.once(signal, () => void cleanUp().then(() => process.exit(128 + number)));
  }
  try {
    for (const bench of wanted) await runBench(bench, { n, trace: values.trace });
  } catch (error) {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exitCode = 1;
  } finally {
    await cleanUp();
  }
  // A socket or a timer that is still there must not hold us.
  process.exit();
}

/**
 * @param {Bench} bench
 * @param {BenchOptions} options
 */
async function runBench(bench, options) {
  const directory = await makeFolder(`jobs-bench-${bench.name}-`);
  onCleanUp(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
  const machine = await describeMachine(directory);
  if (machine.fileSystem === "tmpfs")
    say("the temporary folder is in memory, so a sync costs nothing: set TMPDIR to a disk");
  /** @type {Figure[]} */
  const figures = [];
  const cpuProfDir = values["cpu-prof"];
  const systems = [
    () => startJobs({ directory, say, cpuProfDir }),
    ...(values.peers ? startPeers({ directory, say }) : []),
  ];
  for (const start of systems) {
    const mark = cleanUpMark();
    let system;
    try {
      system = await start();
    } catch (error) {
      // Ours must run; a peer that cannot be had here is left out.
      if (start === systems[0]) throw error;
      await cleanUp(mark);
      say(`left out: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    say(`${bench.name}: ${system.peer} (${system.version})`);
    const add = figureMaker({ bench: bench.name, system, machine, json: values.json, figures });
    try {
      await bench.measure(system, { ...options, add, say });
    } finally {
      await system.stop();
      await cleanUp(mark);
    }
  }
  if (!values.json) printTable(bench, figures, machine);
}

/** @param {string} line */
function say(line) {
  console.error(line);
}
