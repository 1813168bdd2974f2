import type { Run } from "@jobs/core";
import { byLine } from "@jobs/core/decide";
import fc from "fast-check";
import { expect, test } from "vitest";
import { AT, sampleRun } from "../testing/sample-run.ts";
import { RunsToCome } from "./runs-to-come.ts";

const instant = (second: number): string => new Date(Date.parse(AT) + second * 1_000).toISOString();

const someRun = fc
  .record({ id: fc.integer({ min: 0, max: 60 }), second: fc.integer({ min: 0, max: 5 }), isAhead: fc.boolean() })
  .map(({ id, second, isAhead }) => ({
    id: `run${id}`,
    make: (): Run =>
      sampleRun({
        run: `run${id}`,
        priority: id % 3,
        ...(isAhead
          ? { state: "submitted", times: { submittedAt: AT, dueAt: instant(second) } }
          : { times: { submittedAt: instant(second), pendingAt: instant(second) } }),
      }),
  }));

const step = fc.oneof(
  someRun.map((run) => ({ kind: "add", ...run }) as const),
  fc.integer({ min: 0, max: 60 }).map((id) => ({ kind: "remove", id: `run${id}` }) as const),
  fc.constant({ kind: "ask" } as const),
);

test("what waits is in line, and what is ahead goes by its time, whatever has come and gone since they were asked for", () => {
  const byTime = (one: Run, other: Run): number =>
    Date.parse(one.times.dueAt ?? "") - Date.parse(other.times.dueAt ?? "") || byLine(one, other);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const toCome = new RunsToCome();
      const live = new Map<string, Run>();
      const remove = (id: string): void => {
        const run = live.get(id);
        if (run !== undefined) toCome.remove(run);
        live.delete(id);
      };
      for (const one of [...steps, { kind: "ask" } as const]) {
        if (one.kind === "ask") {
          const of = (state: Run["state"]) => [...live.values()].filter((run) => run.state === state);
          expect(toCome.waiting).toEqual(of("pending").sort(byLine));
          expect(toCome.ahead).toEqual(of("submitted").sort(byTime));
          continue;
        }
        remove(one.id);
        if (one.kind === "remove") continue;
        const run = one.make();
        live.set(one.id, run);
        toCome.add(run);
      }
    }),
  );
});

test("of very many that wait only those that have come since are sorted", () => {
  let looks = 0;
  const counted = (index: number): Run => {
    const { times, ...run } = sampleRun({
      run: `run${index}`,
      times: { submittedAt: instant((index * 7_919) % 1_000) },
    });
    return Object.defineProperty(run as Run, "times", { get: () => (looks++, times) });
  };
  const toCome = new RunsToCome();
  for (let index = 0; index < 1_000; index++) toCome.add(counted(index));
  const { waiting } = toCome;
  toCome.add(counted(1_000));
  looks = 0;
  expect(toCome.waiting).toHaveLength(1_001);
  expect(looks).toBeLessThan(10 * 1_001);
  looks = 0;
  expect(toCome.waiting).toHaveLength(waiting.length + 1);
  expect(looks).toBe(0);
});

test("a run for several hosts is among those that have begun until it ends", () => {
  const toCome = new RunsToCome();
  const run = sampleRun({ state: "running", fanOut: { agents: ["alpha"] } });
  toCome.add(run);
  expect([...toCome.onHosts]).toEqual([run]);
  toCome.remove(run);
  toCome.add({ ...run, state: "completed", times: { ...run.times, endedAt: AT } });
  expect([...toCome.onHosts]).toEqual([]);
  expect(toCome.waiting).toEqual([]);
});
