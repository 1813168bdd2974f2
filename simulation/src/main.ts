/** Runs worlds, one a seed, and tells what came of them. Runs inside of the bundle: see `bundle.ts`. */
import { parseArgs } from "node:util";
import { installGlobals } from "./kernel/globals.ts";
import { runSeeds } from "./run-seeds.ts";
import type { Scale } from "./world/scale.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    steps: { type: "string" },
    nodes: { type: "string" },
    scale: { type: "string", default: "{}" },
    minutes: { type: "string" },
    trace: { type: "boolean", default: false },
    "keep-going": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});

const realNow = performance.now.bind(performance);
installGlobals();
const [from = "1", to = from] = (values.seeds ?? values.seed ?? "1..1000000").split("..");
const result = await runSeeds({
  from: Number(from),
  to: Number(to),
  maxSteps: values.steps === undefined ? undefined : Number(values.steps),
  maxMs: values.minutes === undefined ? undefined : Number(values.minutes) * 60_000,
  scale: {
    ...(JSON.parse(values.scale) as Partial<Scale>),
    ...(values.nodes && { nodes: values.nodes === "1" ? 1 : 3 }),
  },
  hasTrace: values.trace,
  keepsGoing: values["keep-going"],
  nowMs: realNow,
  say: values.json ? () => undefined : (line) => process.stdout.write(`${line}\n`),
});
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(result.violation === undefined ? 0 : 1);
