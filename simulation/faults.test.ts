import { describe, expect, test } from "vitest";
import { FAULTS, type Fault, type FaultName } from "./src/faults/index.ts";
import { Simulation } from "./src/simulated.ts";

const WITHIN_SEEDS = 150;

describe.concurrent("the planted fault", () => {
  const names = Object.keys(FAULTS) as FaultName[];
  test.each(names)("%s is found", async (name) => {
    await using simulation = await Simulation.build(name);
    const { firstSeed = 1 }: Fault = FAULTS[name];
    const { violation } = await simulation.run(
      "--seeds",
      `${firstSeed}..${firstSeed + WITHIN_SEEDS}`,
      "--minutes",
      "3",
    );
    expect(violation?.message).toEqual(expect.any(String));
  });
});
