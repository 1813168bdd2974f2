import { expect, test } from "vitest";
import type { JobDefinition } from "../domain/job.ts";
import type { Run } from "../domain/run.ts";
import { hasEnded, isBusy, currentAttempt } from "../domain/run.ts";
import type { StoredSchedule } from "../domain/schedule.ts";
import { slotsOf } from "../schedule/index.ts";
import { contextOf, sampleAgent, sampleSubmission } from "../testing/sample-runs.ts";
import { beforeChange, decideDefine } from "./define.ts";
import { reconcile } from "./reconcile.ts";
import { isSlotOpen } from "./slots.ts";
import type { Decision, DecisionContext, JobView } from "./view.ts";

const { target, payload } = sampleSubmission();
function rng(seed: number) { let s = seed >>> 0; return () => { s = (s + 0x6d2b79f5) | 0; let t = Math.imul(s ^ (s >>> 15), 1 | s); t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t; return ((t ^ (t >>> 14)) >>> 0) / 4294967296; }; }
const iso = (ms: number) => new Date(ms).toISOString();

function play(seed: number, withInstants: boolean) {
  const r = rng(seed);
  const pick = <T>(xs: readonly T[]): T => xs[Math.floor(r() * xs.length)]!;
  const T0 = Date.parse(pick(["2026-03-08T05:30:00Z", "2026-11-01T04:30:00Z", "2026-03-01T12:00:00Z", "2026-04-04T13:00:00Z"]));
  const zone = pick(["UTC", "America/New_York", "Australia/Lord_Howe", "America/Santiago"]);
  const instants = (): Partial<StoredSchedule> => pick<Partial<StoredSchedule>>([
    { cron: "* * * * *" }, { cron: "*/7 * * * *" }, { cron: "*/20 * * * * *" }, { cron: "30 1,2,3 * * *" }, { every: { ms: 45_000 } }, { every: { ms: 600_000 } },
    { cron: "0 * * * *" }, { cron: "*/15 2 * * *" }, 
  ]);
  const rest = (): Partial<StoredSchedule> => ({
    ...(r() < 0.4 ? { jitterMs: pick([500, 5_000, 120_000]) } : {}),
    ...(r() < 0.5 ? { catchUp: pick([{ mode: "none" }, { mode: "last" }, { mode: "all", max: 3 }, { mode: "all", withinMs: 100_000 }] as const) } : {}),
    ...(r() < 0.3 ? { blackouts: [pick([{ from: iso(T0 + 600_000), to: iso(T0 + 4_000_000) }, { cron: "*/10 * * * *", forMs: 150_000 }])] } : {}),
    ...(r() < 0.15 ? { paused: true } : {}),
  });
  const fixed = { id: "main", zone, ...(r() < 0.5 ? { gap: pick(["skip", "before", "after"] as const) } : {}), ...instants(), ...(r() < 0.2 ? { end: iso(T0 + 7_200_000) } : {}) };
  if ("every" in fixed) delete (fixed as any).gap;
  let instantsNow: any = fixed;
  let def: JobDefinition = { v: 1, job: "nightly", writeId: "d", policy: { overlap: pick(["reject", "queue", "queue-latest", "replace", "allow"] as const), queueLimit: pick([2, 100]) }, task: { target, payload, digest: "t" }, schedules: [{ ...fixed, ...rest() }] as any, cursors: { main: iso(T0) }, updatedAt: iso(T0), updatedBy: "bob" };
  let runs: Run[] = [];
  const history = new Map<string, Run>();
  let now = T0;
  let maxNow = T0;
  const log: string[] = [];
  const firstSeen = new Map<string, number>();
  const ctx = (extra: Partial<DecisionContext> = {}) => contextOf([sampleAgent({ slots: 3, holdsStarts: r() < 0.5, assigned: runs.filter((x) => !hasEnded(x) && currentAttempt(x)).length })], { now: iso(now), stateOf: ({ run }) => runs.find((x) => x.run === run)?.state ?? history.get(run)?.state, writeId: `w${log.length}`, ...extra });
  const view = (): JobView => ({ job: "nightly", definition: def, runs });
  const apply = (d: Decision) => {
    if (d.kind === "define") { def = d.definition; log.push(`${iso(now)} define ${JSON.stringify(def.cursors)}`); }
    else if (d.kind === "write") {
      const same = runs.findIndex((x) => x.run === d.run.run);
      if (same < 0 && history.has(d.run.run)) throw new Error(`run ${d.run.run} written anew though in history`);
      if (same < 0) { firstSeen.set(d.run.run, now); runs = [...runs, d.run]; } else runs = runs.map((x) => (x.run === d.run.run ? d.run : x));
      log.push(`${iso(now)} ${d.run.state} ${d.run.reason ?? ""} ${d.run.run} ${JSON.stringify(d.run.slot)} due ${d.run.times.dueAt}`);
    } else throw new Error(d.kind + (d.kind === "reject" ? d.error.message : ""));
  };
  const steps = (limit: number): boolean => { for (let i = 0; i < limit; i++) { const d = reconcile(view(), ctx()); if (d.kind === "nothing") return true; apply(d); } return false; };
  const fail = (m: string): never => { throw new Error(`seed ${seed} ${m}\n${JSON.stringify(def.schedules)} ${JSON.stringify(def.policy)}\n${log.slice(-25).join("\n")}`); };
  const check = (complete: boolean) => {
    const all = [...history.values(), ...runs].filter((x) => x.slot);
    const cover = new Map<number, string>();
    for (const x of all) {
      const { at, until, count } = x.slot!;
      const a = Date.parse(at), u = Date.parse(until ?? at);
      if (!withInstants) {
        const exp = [...slotsOf(instantsNow as any, { job: "nightly", after: a - 1, until: u })].map((s) => s.at);
        if (exp.length !== (count ?? 1)) fail(`count of ${JSON.stringify(x.slot)} is not ${exp.length}`);
        for (const e of exp) { if (cover.has(e)) fail(`slot ${iso(e)} twice: ${cover.get(e)} and ${x.run}`); cover.set(e, x.run); }
      } else { if (cover.has(a)) fail(`slot ${iso(a)} twice: ${cover.get(a)} ${x.run}`); cover.set(a, x.run); }
      if (Date.parse(x.times.dueAt!) > firstSeen.get(x.run)! + 100 && !offs.has(x.run)) fail(`before its time ${x.run} due ${x.times.dueAt} seen ${iso(firstSeen.get(x.run)!)}`);
      if (x.state !== "skipped" && x.slot!.count !== undefined) fail("range that is not skipped");
    }
    if (!withInstants) {
      const keys = [...cover.keys()].sort((p, q) => p - q);
      const last = keys.at(-1);
      if (last !== undefined) {
        const exp = [...slotsOf(instantsNow as any, { job: "nightly", after: T0, until: last })].map((s) => s.at);
        for (const e of exp) if (!cover.has(e)) fail(`slot ${iso(e)} has no trace`);
      }
      if (complete && now >= maxNow) {
        const exp = [...slotsOf(def.schedules![0]! as any, { job: "nightly", after: T0, until: now })].filter((s) => s.dueAt <= now).map((s) => s.at);
        for (const e of exp) if (!cover.has(e)) fail(`due slot ${iso(e)} has no trace at ${iso(now)}`);
      }
    }
  };
  const offs = new Set<string>(); // written because jitter was taken off by an edit
  for (let i = 0; i < 60; i++) {
    const what = r();
    if (what < 0.5) now += Math.floor(pick([500, 5_000, 30_000, 61_000, 700_000, 4_000_000]) * r());
    else if (what < 0.55) now -= Math.floor(20_000 * r());
    maxNow = Math.max(maxNow, now);
    let complete = false;
    if (r() < 0.8) complete = steps(r() < 0.3 ? 1 + Math.floor(r() * 3) : 3_000);
    check(complete);
    // runs end
    runs = runs.map((x) => {
      if (hasEnded(x) || currentAttempt(x) === undefined || r() < 0.5 || Date.parse(x.times.dueAt ?? x.times.submittedAt) > now) return x;
      return { ...x, state: "completed", reason: "exit", times: { ...x.times, runningAt: iso(now), endedAt: iso(now) } };
    });
    if (r() < 0.7) for (const x of runs) if (hasEnded(x) && !isBusy(x) && !isSlotOpen(view(), x)) { history.set(x.run, x); runs = runs.filter((y) => y !== x); }
    if (r() < 0.15) {
      if (withInstants && r() < 0.5) instantsNow = { id: "main", zone, ...instants() };
      const change = r() < 0.3 ? { by: "eve", ...(def.paused ? { resume: true } : { pause: {} }) } : { by: "eve", schedules: [{ ...instantsNow, ...rest() }] };
      for (let k = 0; k < 3_000; k++) {
        const c = ctx();
        const first = beforeChange(view(), change as any, c);
        const before = new Set(firstSeen.keys());
        const d = first ?? decideDefine(view(), change as any, c);
        if (d.kind !== "nothing") apply(d);
        for (const id of firstSeen.keys()) if (!before.has(id)) offs.add(id);
        if (first === undefined) break;
        if (r() < 0.05) break; // killed
      }
      check(false);
    }
  }
}

test("fuzz same instants", () => { const n = Number(process.env["N"] ?? 300); const s0 = Number(process.env["S"] ?? 1); const errors: string[] = []; for (let s = s0; s < s0 + n; s++) { try { play(s, false); } catch (e) { errors.push(String((e as Error).message)); if (errors.length > 2) break; } } expect(errors.join("\n\n")).toBe(""); }, 500_000);
test("fuzz instants edited", () => { const n = Number(process.env["N"] ?? 300); const s0 = Number(process.env["S"] ?? 1); const errors: string[] = []; for (let s = s0; s < s0 + n; s++) { try { play(s, true); } catch (e) { errors.push(String((e as Error).message)); if (errors.length > 2) break; } } expect(errors.join("\n\n")).toBe(""); }, 500_000);
