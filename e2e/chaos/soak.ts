/** `npm run soak -- [--minutes N] [--nodes 1|3] [--seed N] [--agents N] [--take-overs SHARE] [--keep]`: chaos for as long as one likes, counts every minute; Ctrl-C ends the faults early. */
import { parseArgs } from "node:util";
import { runChaos } from "./chaos.ts";
import { describeCounts } from "./counts.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    nodes: { type: "string", default: "3" },
    seed: { type: "string", default: String(Date.now() % 2 ** 32) },
    agents: { type: "string", default: "3" },
    "take-overs": { type: "string", default: "0.1" },
    keep: { type: "boolean", default: false },
  },
});
const [minutes, nodes, seed, agents] = [values.minutes, values.nodes, values.seed, values.agents].map(Number);
const takeOverShare = Number(values["take-overs"]);
const isRight =
  minutes && minutes > 0 && (nodes === 1 || nodes === 3) && Number.isInteger(seed) && agents && agents > 0;
if (!isRight || !(takeOverShare >= 0 && takeOverShare <= 1)) {
  say("npm run soak -- [--minutes N] [--nodes 1|3] [--seed N] [--agents N] [--take-overs SHARE] [--keep]");
  process.exit(64);
}

const interrupted = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => interrupted.abort());

say(`seed ${seed}`);
const { violations, directory } = await runChaos({
  nodes,
  seconds: minutes * 60,
  seed: seed ?? 0,
  agents,
  takeOverShare,
  isKept: values.keep,
  signal: interrupted.signal,
  log: say,
  onCounts: (counts) => say(describeCounts(counts)),
});
for (const violation of violations) say(`VIOLATION ${violation}`);
say(
  violations.length === 0
    ? "no rule was broken"
    : `${violations.length} violations with seed ${seed}; see ${directory}`,
);
process.exit(violations.length === 0 ? 0 : 1);

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
