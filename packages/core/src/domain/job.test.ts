import { expect, test } from "vitest";
import { JobDefinition } from "./job.ts";

test("a definition keeps what a newer server wrote into it, however far down", () => {
  const newer = { later: { a: 1 } };
  const definition = {
    v: 1,
    job: "nightly",
    writeId: "w",
    policy: {
      overlap: "queue",
      retry: { count: 1, on: { exitCodes: [3], ...newer }, backoff: { kind: "fixed", delayMs: 5, ...newer }, ...newer },
      retention: { days: null, ...newer },
      ...newer,
    },
    schedules: [
      {
        id: "main",
        every: { ms: 60_000, ...newer },
        catchUp: { mode: "all", ...newer },
        blackouts: [{ cron: "@daily", forMs: 5_000, ...newer }],
        ...newer,
      },
    ],
    cursors: { main: "2026-03-01T12:00:00.000Z" },
    paused: { at: "2026-03-01T12:00:00.000Z", by: "ada", ...newer },
    updatedAt: "2026-03-01T12:00:00.000Z",
    updatedBy: "ada",
    ...newer,
  };
  expect(JobDefinition.parse(definition)).toEqual(definition);
});

test("what a newer server put in the place of what a version knows is not read", () => {
  const definition = {
    v: 1,
    job: "nightly",
    writeId: "w",
    policy: {},
    updatedAt: "2026-03-01T12:00:00Z",
    updatedBy: "a",
  };
  const isRead = (change: object): boolean => JobDefinition.safeParse({ ...definition, ...change }).success;
  expect(isRead({})).toBe(true);
  expect(isRead({ schedules: [{ id: "main", cron: "@daily", blackouts: [{ moon: "full" }] }] })).toBe(false);
  expect(isRead({ policy: { overlap: "sometimes" } })).toBe(false);
});
