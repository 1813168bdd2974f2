import { previewOf } from "@jobs/core/schedule";
import { expect, test } from "vitest";
import type { OperationsOptions } from "./http/handlers.ts";
import { jobHandlers } from "./http/job-operations.ts";
import { inTurns } from "./in-turns.ts";

test("others have their turn while many steps are taken, and the result is that of the last one", async () => {
  let isOthersTurn = false;
  setImmediate(() => (isOthersTurn = true));
  function* steps(): Generator<undefined, string> {
    const untilMs = performance.now() + 5_000;
    while (!isOthersTurn && performance.now() < untilMs) yield;
    return isOthersTurn ? "after others" : "alone";
  }
  expect(await inTurns(steps())).toBe("after others");
});

test("a preview of centuries keeps nobody waiting, and has the slots that it had", async () => {
  const schedule = { id: "rare", cron: "0 0 29 2 1", zone: "America/Santiago" };
  const from = "2026-03-01T00:00:00.000Z";
  const served = { nowMs: () => 0 } as unknown as OperationsOptions;
  let turns = 0;
  let isOver = false;
  const takeTurns = (): void => void (isOver || setImmediate(() => (turns++, takeTurns())));
  takeTurns();
  const { slots } = await jobHandlers(served).previewSchedule({ schedule, from, count: 1_000 }, "ada");
  isOver = true;
  expect(turns).toBeGreaterThan(1);
  expect(slots).toEqual(previewOf(schedule, { job: "", from: Date.parse(from) + 1, count: 1_000 }));
  expect(slots).toHaveLength(1_000);
});
