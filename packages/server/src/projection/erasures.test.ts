import type { Run } from "@jobs/core";
import { expect, test } from "vitest";
import { AT, finishedRun } from "../testing/sample-run.ts";
import { HistoryIndex } from "./history-index.ts";

const run = (id: string, job = "nightly"): Run => finishedRun({ run: id, job });

test("what a deletion is about is forgotten, in whatever order it is told, and known until it is gone from HISTORY", () => {
  const index = new HistoryIndex();
  index.add(run("run00001"), 1);
  index.add(run("run00002", "other"), 2);
  index.addUnreadable("nightly", "run00003");
  index.erase("nightly", 4);
  index.add(run("run00005"), 5);
  index.erase("nightly", 4); // the watch tells it again
  const known = (): string[] =>
    index
      .list({}, { limit: 9 })
      .map(({ run: id }) => id)
      .sort();
  expect(known()).toEqual(["run00002", "run00005"]);
  expect(() => index.assertReadable("run00003")).not.toThrow();
  expect([index.isErasing("nightly"), index.isErasing("other"), index.erasedAt("nightly")]).toEqual([true, false, 4]);
  index.erase("nightly", 6);
  expect([...index.erasures()]).toMatchObject([
    ["nightly", { sequence: 6, runs: [{ run: "run00003" }, { run: "run00001" }, { run: "run00005" }] }],
  ]);
  index.erased("nightly", 4); // of the one before
  expect(index.isErasing("nightly")).toBe(true);
  index.erased("nightly", 6);
  expect([index.isErasing("nightly"), index.erasedAt("nightly"), index.erasedAt("other")]).toEqual([false, 6, 0]);
  index.add(run("run00006"), 5); // told late
  expect(known()).toEqual(["run00002"]);
  index.reset();
  expect(index.erasedAt("nightly")).toBe(6); // until all of it was read again
  index.onReady();
  expect(index.erasedAt("nightly")).toBe(0);
});

test("parts of runs are deleted with them; what is being removed is counted once when it is deleted meanwhile", () => {
  const index = new HistoryIndex();
  const whole: Run = { ...run("run00001"), target: { kind: "all", labels: "web" }, fanOut: { agents: ["alpha"] } };
  index.add({ ...run("run00002"), partOf: whole.run }, 1);
  index.add(whole, 2);
  index.add(run("run00003"), 3);
  const endings = [...index.endings()];
  const removing = [{ job: "nightly", run: "run00003", endedAtMs: Date.parse(AT) }];
  index.onForgotten({ v: 1, endings: [{ state: "completed", count: 1 }], removing }, 4);
  index.erase("nightly", 5);
  expect(["run00001", "run00002", "run00003"].map((id) => index.has(id))).toEqual([false, false, false]);
  expect(index.removing()).toEqual([]);
  expect([...index.endings()]).toEqual(endings);
});
