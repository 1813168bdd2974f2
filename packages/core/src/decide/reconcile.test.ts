import { describe, expect, test } from "vitest";
import type { Run } from "../domain/run.ts";
import {
  after,
  assignedRun,
  contextOf,
  LICENCE,
  NOW,
  runningRun,
  sampleAgent,
  sampleRun,
  silentAgent,
  viewOf,
  written,
} from "../testing/sample-runs.ts";
import { reconcile } from "./reconcile.ts";
import type { AgentView, Decision, DecisionContext } from "./view.ts";

const NOTHING = { kind: "nothing" };
const NEWER = { ...LICENCE, number: 2 };

/** Steps until nothing is left to do; the order in which runs were written. */
function settle(runs: readonly Run[], context: DecisionContext): { runs: readonly Run[]; steps: readonly string[] } {
  const steps: string[] = [];
  for (let at = runs; ;) {
    const decision = reconcile(viewOf(...at), context);
    if (decision.kind !== "write") return { runs: at, steps };
    steps.push(decision.run.run);
    if (steps.length > 10) throw new Error(`no end of steps: ${steps.join()}`);
    at = at.map((run) => (run.run === decision.run.run ? decision.run : run));
  }
}

describe("a run that waits", () => {
  const waiting = sampleRun({ waitingFor: "agent" });

  test("gets its attempt once the agent has a licence and a slot, and then nothing is left to do", () => {
    const { runs, steps } = settle([waiting], contextOf());
    expect(steps).toEqual(["run00001"]);
    expect(runs[0]).toMatchObject({ attempts: [{ number: 1, licence: LICENCE, assignedAt: NOW }] });
    expect(runs[0]?.waitingFor).toBeUndefined();
  });

  test.each<[string, AgentView, Run["waitingFor"]]>([
    ["agent", silentAgent(), "agent"],
    ["slot", sampleAgent({ slots: 1, assigned: 1 }), "slot"],
  ])("says that it waits for the %s, once", (_, agent, waitingFor) => {
    const { runs, steps } = settle([sampleRun()], contextOf([agent]));
    expect(runs[0]).toMatchObject({ waitingFor, attempts: [] });
    expect(steps).toEqual(["run00001"]);
  });

  test("is not touched before its time has come or after its end", () => {
    const runs = [
      sampleRun({ state: "submitted", times: { submittedAt: NOW, dueAt: after(1) } }),
      sampleRun({ state: "cancelled", times: { submittedAt: NOW, endedAt: NOW } }),
    ];
    for (const run of runs) expect(reconcile(viewOf(run), contextOf())).toEqual(NOTHING);
  });
});

/** How often a look at a job asks something of a run, when so many wait for the one that runs. */
function questions(waiting: number): number {
  let asked = 0;
  const get = <K extends keyof Run>(run: Run, key: K): Run[K] => {
    asked++;
    return run[key];
  };
  const line = Array.from({ length: waiting }, (_, index) =>
    sampleRun({ run: `wait${index + 1000}`, waitingFor: "previous-run", overlap: "queue" }),
  );
  const runs = [runningRun({ run: "live0001" }), ...line].map((run) => new Proxy(run, { get }));
  expect(reconcile(viewOf(...runs), contextOf())).toEqual(NOTHING);
  return asked;
}

test("a line that is four times as long takes four times as long to look at", () => {
  expect(questions(800)).toBeLessThan(5 * questions(200));
});

describe("a queue", () => {
  const [one, two, three] = ["run00001", "run00002", "run00003"].map((run) => sampleRun({ run, overlap: "queue" })) as [
    Run,
    Run,
    Run,
  ];

  test("promotes the first in line alone; the others wait for it", () => {
    const { runs, steps } = settle([one, two, three], contextOf());
    expect(steps).toEqual(["run00001", "run00002", "run00003"]);
    expect(runs.map(({ attempts, waitingFor }) => [attempts.length, waitingFor])).toEqual([
      [1, undefined],
      [0, "previous-run"],
      [0, "previous-run"],
    ]);
  });

  test("waits for the run that is under way, wherever that stands", () => {
    const { runs } = settle([one, runningRun({ run: "run00002", overlap: "queue" })], contextOf());
    expect(runs[0]).toMatchObject({ waitingFor: "previous-run", attempts: [] });
  });

  test("waits for what is left over of a run that has ended, and goes on once that is gone", () => {
    const ended = (leftOverPids: number[]): Run => {
      const { attempts, times } = runningRun();
      return runningRun({
        run: "run00000",
        state: "failed",
        attempts: attempts.map((attempt) => ({ ...attempt, exit: { leftOverPids } })),
        times: { ...times, endedAt: NOW },
      });
    };
    expect(settle([ended([7]), one], contextOf()).runs[1]).toMatchObject({ waitingFor: "previous-run" });
    expect(settle([ended([]), one], contextOf()).runs[1]).toMatchObject({ attempts: [{ number: 1 }] });
  });

  test("of runs that all may overlap makes nobody wait", () => {
    const { runs } = settle(
      [one, two].map((run) => ({ ...run, overlap: "allow" as const })),
      contextOf(),
    );
    expect(runs.map(({ attempts }) => attempts.length)).toEqual([1, 1]);
  });
});

describe("an attempt that was never heard of again", () => {
  const decide = (run: Run, agent: AgentView): Decision =>
    reconcile(viewOf(run), contextOf([agent], { now: after(100) }));

  test("is taken back when its agent has a newer licence and does not hold it, and then tried again", () => {
    const agent = sampleAgent({ licence: NEWER });
    const back = written(decide(assignedRun(), agent));
    expect(back).toMatchObject({
      state: "pending",
      waitingFor: "agent",
      attempts: [{ refusal: { code: "never-started" } }],
    });
    expect(written(decide(back, agent)).attempts).toMatchObject([{ number: 1 }, { number: 2, licence: NEWER }]);
  });

  test("is taken back when the agent began anew and does not hold it", () => {
    expect(written(decide(assignedRun(), sampleAgent({ licence: { session: "s2", number: 2 } })))).toMatchObject({
      waitingFor: "agent",
    });
  });

  test.each<[string, Partial<AgentView>]>([
    ["under the licence it was assigned under", { licence: LICENCE }],
    ["under an older licence, which a lagging server may still know", { licence: { ...LICENCE, number: 0 } }],
    ["when the agent lists it", { licence: NEWER, held: [{ run: "run00001", attempt: 1 }] }],
  ])("stays %s", (_, change) => {
    expect(decide(assignedRun(), sampleAgent(change))).toEqual(NOTHING);
  });

  test("stays while its agent is silent", () => {
    expect(decide(assignedRun(), silentAgent())).toEqual(NOTHING);
  });

  test("is taken back though the agent holds an earlier attempt of the run", () => {
    const [attempt] = assignedRun().attempts as [Run["attempts"][number]];
    const second = assignedRun({ attempts: [{ ...attempt, number: 2 }] });
    const held = [{ run: "run00001", attempt: 1 }];
    expect(decide(second, sampleAgent({ licence: NEWER, held }))).toMatchObject({ kind: "write" });
  });

  test("is never taken back once it has started", () => {
    expect(decide(runningRun(), sampleAgent({ licence: NEWER }))).toEqual(NOTHING);
  });

  test("cancels its run when somebody had asked for that", () => {
    const run = assignedRun({ cancel: { requestedAt: NOW, by: "bob" } });
    const back = written(decide(run, sampleAgent({ licence: NEWER })));
    expect(back).toMatchObject({ state: "cancelled", reason: "cancelled-by", times: { endedAt: after(100) } });
  });
});

describe("after a refusal", () => {
  const refusedTimes = (count: number, code: "no-room" | "never-started"): Run => {
    const [attempt] = assignedRun().attempts as [Run["attempts"][number]];
    const refusal = { code, message: "No." };
    // As many as a record keeps.
    const numbers = Array.from({ length: Math.min(count, 6) }, (_, index) => count - Math.min(count, 6) + 1 + index);
    const attempts = numbers.map((number) => ({ ...attempt, number, exitedAt: NOW, refusal }));
    return sampleRun({ waitingFor: "agent", attempts });
  };
  const decideAt = (run: Run, ms: number): Decision =>
    reconcile(viewOf(run), contextOf([sampleAgent()], { now: after(ms) }));

  test.each([
    [1, 1_000],
    [2, 2_000],
    [5, 16_000],
    [6, 30_000],
    [2_000, 30_000],
  ])("number %i a run pauses %i ms before it is tried again", (count, pauseMs) => {
    const run = refusedTimes(count, "no-room");
    expect(decideAt(run, pauseMs - 1)).toEqual(NOTHING);
    expect(written(decideAt(run, pauseMs)).attempts.at(-1)).toMatchObject({ number: count + 1 });
  });

  test("of a server whose clock was ahead there is no pause", () => {
    const run = refusedTimes(6, "no-room");
    expect(written(decideAt(run, -3_600_000)).attempts.at(-1)).toMatchObject({ number: 7 });
  });

  test("that only took it back there is no pause", () => {
    expect(decideAt(refusedTimes(6, "never-started"), 0)).toMatchObject({ kind: "write" });
  });

  test("a record keeps the last refusals alone, and numbers go on", () => {
    let run = refusedTimes(1, "never-started");
    for (let count = 1; count <= 20; count++) {
      const assigned = written(decideAt(run, 0));
      run = written(
        reconcile(viewOf(assigned), contextOf([sampleAgent({ licence: { session: "s2", number: 100 + count } })])),
      );
    }
    expect(run.attempts.map(({ number }) => number)).toEqual([16, 17, 18, 19, 20, 21]);
  });
});
