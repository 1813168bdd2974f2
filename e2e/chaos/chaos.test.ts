/**
 * Servers, agents, supervisors and nats-server as processes of their own, killed, stopped, restarted and cut off at random.
 * A failure names the seed and the folder with the marks and all logs; `npm run soak` goes on for longer.
 */
import { expect, test } from "vitest";
import { runChaos } from "./chaos.ts";
import { describeCounts } from "./counts.ts";

const SECONDS = 60;

test.each([1, 3] as const)(
  "a minute of random faults on %i nats-server: nothing overlaps, nothing accepted is lost, no end changes",
  async (nodes) => {
    const seed = Number(process.env["CHAOS_SEED"] ?? Date.now() % 2 ** 32);
    const lines: string[] = [`seed ${seed}`];
    const { violations, counts, directory } = await runChaos({
      nodes,
      seconds: SECONDS,
      seed,
      log: (line) => lines.push(line),
    });
    process.stdout.write(`chaos on ${nodes}, seed ${seed}\n${describeCounts(counts)}\n`);
    expect({ seed, directory, violations }, lines.join("\n")).toMatchObject({ violations: [] });
    expect(counts.scriptsEnded).toBeGreaterThan(20);
    expect(Object.keys(counts.faults).length).toBeGreaterThan(5);
  },
  SECONDS * 1_000 + 240_000,
);
