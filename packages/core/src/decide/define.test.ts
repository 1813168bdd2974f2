import { expect, test } from "vitest";
import { policyOf } from "../domain/policy.ts";
import { after, contextOf, NOW, viewOf } from "../testing/sample-runs.ts";
import { decideDefine } from "./define.ts";
import type { JobView } from "./view.ts";

test("a pause, a resume and a policy are changes of one definition; what is so already changes nothing", () => {
  let view: JobView = viewOf();
  const define = (change: Omit<Parameters<typeof decideDefine>[1], "by">, ms = 0) => {
    const decision = decideDefine(view, { by: "bob", ...change }, contextOf([], { now: after(ms) }));
    if (decision.kind === "define") view = { ...view, definition: decision.definition };
    return decision;
  };
  expect(define({ resume: true })).toEqual({ kind: "nothing" });
  expect(define({ pause: { note: "upgrade" } })).toMatchObject({
    kind: "define",
    definition: {
      v: 1,
      job: "nightly",
      writeId: "w1",
      paused: { at: NOW, by: "bob", note: "upgrade" },
      updatedBy: "bob",
    },
  });
  for (const pause of [{}, { note: "upgrade" }]) expect(define({ pause }, 5)).toEqual({ kind: "nothing" });
  expect(define({ policy: { overlap: "queue" } })).toMatchObject({
    definition: { policy: { overlap: "queue" }, paused: { at: NOW } },
  });
  expect(define({ policy: { overlap: "queue" } })).toEqual({ kind: "nothing" });
  const resumed = define({ resume: true }, 7);
  expect(resumed).toMatchObject({ definition: { policy: { overlap: "queue" }, updatedAt: after(7) } });
  expect(view.definition?.paused).toBeUndefined();
});

test("a pause of what is paused takes another note, with who gave it and when", () => {
  const first = decideDefine(viewOf(), { by: "bob", pause: { note: "upgrade" } }, contextOf());
  if (first.kind !== "define") throw new Error("it was not paused");
  const view = { ...viewOf(), definition: first.definition };
  const again = decideDefine(view, { by: "ada", pause: { note: "disk" } }, contextOf([], { now: after(5) }));
  expect(again).toMatchObject({ kind: "define", definition: { paused: { at: after(5), by: "ada", note: "disk" } } });
});

test("a change of what was read is refused once somebody else has changed that, unless it is so already", () => {
  const first = decideDefine(viewOf(), { by: "bob", policy: { queueLimit: 1 }, ifUpdatedAt: null }, contextOf());
  if (first.kind !== "define") throw new Error("nothing was said of it");
  const view = { ...viewOf(), definition: first.definition };
  const define = (ifUpdatedAt: string | null, queueLimit: number) =>
    decideDefine(view, { by: "ada", policy: { queueLimit }, ifUpdatedAt }, contextOf());
  for (const same of [NOW, NOW.replace(".000Z", "Z"), NOW.replace("000Z", "000000Z")])
    expect(define(same, 2)).toMatchObject({ kind: "define", definition: { policy: { queueLimit: 2 } } });
  expect(define(after(-1), 2)).toMatchObject({
    kind: "reject",
    error: {
      code: "job-changed",
      field: "ifUpdatedAt",
      message: `“nightly” was changed by bob at ${NOW}: read it again.`,
      details: { updatedAt: NOW },
    },
  });
  expect(define(null, 2)).toMatchObject({ kind: "reject", error: { code: "job-changed" } });
  // Asked for again, because the first answer was lost.
  expect(define(null, 1)).toEqual({ kind: "nothing" });
  expect(decideDefine(viewOf(), { by: "ada", policy: {}, ifUpdatedAt: NOW }, contextOf())).toMatchObject({
    kind: "reject",
    error: { code: "job-changed", message: "Nothing is said of “nightly” any more: read it again." },
  });
});

test("the set that a job is applied from stays until another one is named, or none", () => {
  const change = { by: "bob", policy: {}, appliedFrom: "web" };
  const first = decideDefine(viewOf(), change, contextOf());
  if (first.kind !== "define") throw new Error("it is defined");
  const view = { ...viewOf(), definition: first.definition };
  expect(first.definition).toMatchObject({ appliedFrom: "web" });
  expect(decideDefine(view, change, contextOf())).toEqual({ kind: "nothing" });
  expect(decideDefine(view, { by: "ada", policy: { queueLimit: 1 } }, contextOf())).toMatchObject({
    definition: { appliedFrom: "web", policy: { queueLimit: 1 } },
  });
  expect(decideDefine(view, { by: "ada", appliedFrom: "db" }, contextOf())).toMatchObject({
    definition: { appliedFrom: "db" },
  });
  const byHand = decideDefine(view, { by: "ada", appliedFrom: null }, contextOf());
  expect(byHand.kind === "define" && "appliedFrom" in byHand.definition).toBe(false);
});

test("what a submission says goes before what the job says, and that before the defaults", () => {
  expect(policyOf({})).toEqual({
    overlap: "reject",
    priority: 5,
    whenUnavailable: "wait",
    queueLimit: 100,
    waitAtMostMs: 86_400_000,
    lostAfterMs: 3_600_000,
    graceMs: 10_000,
    onLost: "fail",
    retry: { count: 0 },
    timeoutMs: null,
    silenceMs: null,
  });
  expect(policyOf({ timeoutMs: null }, { timeoutMs: 5_000, retry: { count: 2 } })).toMatchObject({
    timeoutMs: null,
    retry: { count: 2 },
  });
  expect(policyOf({}, { overlap: "allow" })).toMatchObject({ overlap: "allow", lostAfterMs: null });
  expect(
    policyOf({ overlap: "queue", graceMs: 0 }, { overlap: "allow", graceMs: 5, lostAfterMs: 200_000 }),
  ).toMatchObject({
    overlap: "queue",
    graceMs: 0,
    lostAfterMs: 200_000,
  });
  expect(policyOf({ lostAfterMs: null }, { lostAfterMs: 200_000 })).toMatchObject({ lostAfterMs: null });
});

test("a policy under which hosts would end healthy scripts is refused", () => {
  const change = { by: "bob", policy: { lostAfterMs: 180_000, graceMs: 120_000 } };
  expect(decideDefine(viewOf(), change, contextOf())).toMatchObject({
    kind: "reject",
    error: { code: "invalid-request", field: "policy.graceMs" },
  });
});
