import fc from "fast-check";
import { expect, test } from "vitest";
import { JobWorld } from "../testing/job-world.ts";

const OFTEN = ["submit", "reconcile", "order", "carryOut", "hearLast", "beat", "see"] as const;
const SELDOM = [
  "enqueue",
  "cancel",
  "hear",
  "hearForged",
  "end",
  "clean",
  "silence",
  "lapse",
  "restart",
  "settle",
  "release",
  "pass",
] as const;

/** One step of a random life: what happens, to which of those there are, and how. */
const step = fc.record({
  kind: fc.constantFrom(...OFTEN, ...OFTEN, ...OFTEN, ...SELDOM),
  pick: fc.nat(1_000),
  how: fc.nat(1_000),
  server: fc.nat(1),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const JOBS = ["joba", "jobb", "jobc"];
const AGENTS = ["agent-a", "agent-b"];
const EXITS = [
  { exitCode: 0 },
  { exitCode: 3 },
  { signal: "SIGKILL", leftOverPids: [7, 8] },
  { cause: "host-stopped" as const },
  { cause: "no-contact" as const },
];

function oneOf<T>(all: readonly T[], pick: number): T | undefined {
  return all[pick % Math.max(1, all.length)];
}

function take(world: JobWorld, { kind, pick, how, server }: Step): void {
  const job = oneOf(JOBS, how >> 1) ?? "";
  const agent = oneOf(AGENTS, how) ?? "";
  const run = oneOf(world.runs, pick);
  const key = oneOf(world.hostKeys(agent), pick) ?? "";
  switch (kind) {
    case "submit": {
      const asked = {
        job,
        key: pick % 4,
        agent,
        overlap: how % 3 === 0 ? ("reject" as const) : ("allow" as const),
        digest: how % 10 === 0 ? "other" : "same",
      };
      return void world.submit(server, asked);
    }
    case "enqueue":
      return world.enqueue(server, { job, key: pick % 4, agent });
    case "cancel":
      return run === undefined ? undefined : world.cancel(server, run);
    case "reconcile":
      return world.reconcile(server, job);
    case "order":
      return run === undefined ? undefined : world.order(run);
    case "carryOut": {
      const chance = {
        refusal: how % 7 === 0 ? ("spawn-failed" as const) : undefined,
        leftOverPids: how % 3 === 0 ? [7] : [],
      };
      return world.carryOut(pick % 2 === 0 ? world.orders.length - 1 : pick % Math.max(1, world.orders.length), chance);
    }
    case "hear":
      return void world.hear(server, pick % Math.max(1, world.evidenceCount));
    case "hearLast":
      return void world.hear(server, world.evidenceCount - 1);
    case "hearForged":
      return expect(world.hear(server, world.evidenceCount - 1, "agent-c")?.kind ?? "nothing").toBe("nothing");
    case "end":
      return world.onHost(agent, (host) => host.end(key, oneOf(EXITS, how) ?? {}));
    case "clean":
      return world.onHost(agent, (host) => host.clean(key));
    case "beat":
      if (pick % 2 === 0) world.onHost(agent, (host) => host.lapse());
      return world.beat(agent);
    case "see":
      return world.see(server, agent, how % 3 === 0 ? "all" : "next");
    case "silence":
      return world.see(server, agent, "silence");
    case "lapse":
      return world.onHost(agent, (host) => host.lapse());
    case "restart":
      return world.restart(agent);
    case "settle":
      return run === undefined ? undefined : world.settle(run);
    case "release":
      return world.release(agent);
    case "pass":
      return world.pass(how * 40);
  }
}

test("whatever comes in whatever order, runs of a job do not overlap, ends are final, and no run is left in limbo", () => {
  const reached = new Set<string>();
  const property = fc.property(fc.array(step, { minLength: 20, maxLength: 120, size: "max" }), (steps) => {
    const world = new JobWorld();
    for (const agent of AGENTS) world.restart(agent);
    for (const one of steps) {
      take(world, one);
      for (const { state, reason, waitingFor, attempts } of world.runs) {
        reached.add(`${state} ${reason ?? waitingFor ?? ""}`.trim());
        for (const { refusal } of attempts) if (refusal !== undefined) reached.add(refusal.code);
      }
    }
    world.calm();
  });
  fc.assert(property, { numRuns: 1_000 });
  // Without these the property would have looked at little.
  const wanted = [
    "pending agent",
    "pending slot",
    "pending previous-run",
    "pending retry",
    "pending",
    "running",
    "completed exit",
    "failed exit",
    "failed lost",
    "cancelled cancelled-by",
    "failed refused-by-agent",
    "never-started",
    "no-licence",
    "no-room",
  ];
  expect([...reached]).toEqual(expect.arrayContaining(wanted));
}, 120_000);
