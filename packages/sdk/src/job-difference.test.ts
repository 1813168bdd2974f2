import type { JobView } from "@jobs/core";
import { expect, test } from "vitest";
import { differenceOf } from "./job-difference.ts";

const task = { on: "web-1", script: "true", interpreter: ["bash"], env: { LEVEL: "info" } };
const next = { next: [], doneUntil: "2026-03-01T12:00:00.000Z" };

function view(change: Partial<JobView> = {}): JobView {
  const schedules = [{ schedule: { id: "night", cron: "30 2 * * *", catchUp: { mode: "all", max: 3 } }, ...next }];
  return {
    job: "nightly",
    policy: { overlap: "queue" },
    task,
    schedules,
    appliedFrom: "web",
    runs: [],
    ...change,
  } as JobView;
}

test("what is the same is unchanged, whatever the order of names, the next slots and who changed it", () => {
  const after = view({
    task: { env: task.env, interpreter: ["bash"], script: "true", on: "web-1" },
    schedules: [
      { schedule: { cron: "30 2 * * *", catchUp: { max: 3, mode: "all" }, id: "night" }, ...next, doneUntil: "later" },
    ],
    updatedBy: "bob",
  });
  expect(differenceOf(view(), after)).toEqual({ job: "nightly", kind: "unchanged", fields: [] });
});

test("each field that is different is named, with its values", () => {
  const parameters = [{ name: "N", type: "number", max: 3 }] as const;
  const before = view({ task: { ...task, parameters: [...parameters], parametersSchema: { type: "object" } } });
  const after = view({
    task: { ...task, interpreter: ["bash", "-e"], env: { COLOUR: "red" } },
    schedules: [{ schedule: { id: "day", every: { ms: 1_000 } }, ...next }],
    policy: { retry: { count: 2 } },
  });
  const fields = [
    { field: "task.interpreter", before: ["bash"], after: ["bash", "-e"] },
    { field: "task.env.COLOUR", before: undefined, after: "red" },
    { field: "schedules.day.every.ms", before: undefined, after: 1_000 },
    { field: "policy.retry.count", before: undefined, after: 2 },
    { field: "task.env.LEVEL", before: "info", after: undefined },
    { field: "task.parameters.N.type", before: "number", after: undefined },
    { field: "task.parameters.N.max", before: 3, after: undefined },
    { field: "schedules.night.cron", before: "30 2 * * *", after: undefined },
    { field: "schedules.night.catchUp.mode", before: "all", after: undefined },
    { field: "schedules.night.catchUp.max", before: 3, after: undefined },
    { field: "policy.overlap", before: "queue", after: undefined },
  ];
  expect(differenceOf(before, after)).toEqual({ job: "nightly", kind: "changed", fields });
  expect(differenceOf(undefined, view({ task: undefined, schedules: undefined } as Partial<JobView>))).toEqual({
    job: "nightly",
    kind: "added",
    fields: [
      { field: "set", before: undefined, after: "web" },
      { field: "policy.overlap", before: undefined, after: "queue" },
    ],
  });
});

test("another agent of the same name is a difference; one of another name is that of the name alone", () => {
  const on = (name: string, agent?: string): JobView =>
    view({ task: { ...task, on: name, ...(agent === undefined ? {} : { agent }) } });
  expect(differenceOf(on("web-1", "id-1"), on("web-1", "id-2"))).toEqual({
    job: "nightly",
    kind: "changed",
    fields: [{ field: "task.agent", before: "id-1", after: "id-2" }],
  });
  expect(differenceOf(on("web-1", "id-1"), on("web-2", "id-2")).fields).toEqual([
    { field: "task.on", before: "web-1", after: "web-2" },
  ]);
  expect(differenceOf(on("web-1"), on("web-1", "id-1")).kind).toBe("unchanged"); // an older server does not say it
  expect(differenceOf(undefined, on("web-1", "id-1")).fields).not.toContainEqual(
    expect.objectContaining({ field: "task.agent" }),
  );
});

test("that a job made by hand is in a set is a difference only beside another one; of another set, always", () => {
  const { appliedFrom: _, ...byHand } = view();
  expect(differenceOf(byHand, view())).toMatchObject({ kind: "unchanged", fields: [] });
  expect(differenceOf(byHand, view({ policy: {} }))).toMatchObject({ kind: "changed", fields: [{ field: "set" }, {}] });
  expect(differenceOf(view({ appliedFrom: "db" }), view())).toMatchObject({
    kind: "changed",
    fields: [{ field: "set" }],
  });
});
