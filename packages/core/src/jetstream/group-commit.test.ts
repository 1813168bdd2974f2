import { describe, expect, test, vi } from "vitest";
import { startNats } from "../testing/index.ts";
import { openStores, type OpenLink } from "../testing/nats-link.ts";
import { sampleRun } from "../testing/sample-runs.ts";
import { JobStore, subjectOfRun } from "./job-store.ts";
import type { WriteOutcome } from "./publish.ts";
import { STREAMS } from "./topology.ts";

interface Write {
  readonly job: string;
  readonly run?: string;
  readonly guard?: number;
}

/** So many that they go in one batch, with all others of the same tick. */
function load(name = ""): readonly Write[] {
  return Array.from({ length: 9 }, (_, index) => ({ job: `load${name}${index}` }));
}

/** All of these are handed over in one tick. */
function writeAll(store: JobStore, writes: readonly Write[]): Promise<WriteOutcome[]> {
  return Promise.all(
    writes.map(({ job, run = "run00001", guard = 0 }) =>
      store.write(sampleRun({ job, run, writeId: `${job}/${run}` }), guard),
    ),
  );
}

/** Which jobs were published in batches, one list a batch; those that went alone are under "". */
async function spyOnBatches(link: OpenLink): Promise<Map<string, string[]>> {
  const batches = new Map<string, string[]>();
  link.connection.subscribe("$KV.jobs.*.run.*", {
    callback: (_, { headers, subject }) => {
      const id = headers?.get("Nats-Batch-Id") ?? "";
      batches.set(id, [...(batches.get(id) ?? []), subject.split(".")[2] ?? ""]);
    },
  });
  await link.connection.flush();
  return batches;
}

/** Each stored outcome names the sequence under which that very record stands. */
async function expectTrueSequences(
  link: OpenLink,
  writes: readonly Write[],
  outcomes: readonly WriteOutcome[],
): Promise<void> {
  for (const [index, { job, run = "run00001" }] of writes.entries()) {
    const outcome = outcomes[index];
    if (outcome?.kind !== "stored") continue;
    const message = await link.jsm.streams.getMessage(STREAMS.jobs, { seq: outcome.sequence });
    expect(message?.subject).toBe(subjectOfRun({ job, run }));
    expect(message?.json()).toMatchObject({ writeId: `${job}/${run}` });
  }
}

test("under load writes go in batches, and each is answered with the sequence of its own record", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  await using spy = await openStores(nats);
  const batches = await spyOnBatches(spy);
  const writes = Array.from({ length: 700 }, (_, index) => ({ job: `job${index}` }));
  const outcomes = await writeAll(new JobStore(link), writes);
  expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(["stored"]));
  await spy.connection.flush();
  // Each was sent once: a batch that had failed would have been followed by its writes alone.
  expect([...batches.values()].flat().toSorted()).toEqual(writes.map(({ job }) => job).toSorted());
  batches.delete("");
  expect(Math.max(...[...batches.values()].map(({ length }) => length))).toBe(500);
  await expectTrueSequences(link, writes, outcomes);
});

test("up to eight writes go without a batch", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  await using spy = await openStores(nats);
  const batches = await spyOnBatches(spy);
  const outcomes = await writeAll(new JobStore(link), load().slice(0, 8));
  expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(["stored"]));
  await spy.connection.flush();
  expect([...batches.keys()]).toEqual([""]);
});

describe("of writes of one job that would go into one batch exactly one is accepted", () => {
  const others = Array.from({ length: 20 }, (_, index) => ({ job: `job${index}` }));
  const pair = [
    { job: "nightly", run: "run00001" },
    { job: "nightly", run: "run00002" },
  ];
  test.each([
    ["side by side", [...load(), ...pair, ...others]],
    ["first and last", [...load(), pair[0] as Write, ...others, pair[1] as Write]],
    ["three of them", [...load(), ...pair, ...others, { job: "nightly", run: "run00003" }]],
  ])("%s", async (_, writes) => {
    await using nats = await startNats();
    await using link = await openStores(nats);
    await using spy = await openStores(nats);
    const batches = await spyOnBatches(spy);
    const outcomes = await writeAll(new JobStore(link), writes);
    const kinds = (isPair: boolean): string[] =>
      outcomes.filter((_one, index) => (writes[index]?.job === "nightly") === isPair).map(({ kind }) => kind);
    expect(kinds(true).filter((kind) => kind === "stored")).toHaveLength(1);
    expect(new Set(kinds(true))).toEqual(new Set(["stored", "conflict"]));
    expect(new Set(kinds(false))).toEqual(new Set(["stored"]));
    expect((await new JobStore(link).read("nightly")).entries).toHaveLength(1);
    expect(batches.size).toBeGreaterThan(1);
    await expectTrueSequences(link, writes, outcomes);
  });

  test("one alone, one in the batch after it", async () => {
    await using nats = await startNats();
    await using link = await openStores(nats);
    await using spy = await openStores(nats);
    const batches = await spyOnBatches(spy);
    const store = new JobStore(link);
    const alone = writeAll(store, [pair[0] as Write]);
    await new Promise((resolve) => setImmediate(resolve));
    const outcomes = await writeAll(store, [...others, pair[1] as Write]);
    const kinds = [...(await alone), outcomes.at(-1)].map((one) => one?.kind);
    expect(new Set(kinds)).toEqual(new Set(["stored", "conflict"]));
    expect(new Set(outcomes.slice(0, -1).map(({ kind }) => kind))).toEqual(new Set(["stored"]));
    await spy.connection.flush();
    const [lone, ...together] = [batches.get("")?.[0], ...batches.values()];
    expect(lone).toBe("nightly");
    expect(together.some((jobs) => jobs.includes("nightly") && jobs.length > others.length)).toBe(true);
  });
});

test("a wrong guard at any place of a batch is a conflict of that write alone; the others are stored", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  await using spy = await openStores(nats);
  const batches = await spyOnBatches(spy);
  const size = 6;
  for (let wrong = 0; wrong < size; wrong++) {
    const writes = Array.from({ length: size }, (_, place) => ({
      job: `at${wrong}-${place}`,
      ...(place === wrong ? { guard: 999_999 } : {}),
    }));
    const all = [...load(`${wrong}-`), ...writes];
    const outcomes = await writeAll(new JobStore(link), all);
    expect(outcomes.slice(load().length).map(({ kind }) => kind)).toEqual(
      writes.map((_, place) => (place === wrong ? "conflict" : "stored")),
    );
    await spy.connection.flush();
    const [last] = [...batches.keys()].filter((id) => id !== "").slice(-1);
    expect(batches.get(last ?? "")?.slice(-size)).toEqual(writes.map(({ job }) => job));
    await expectTrueSequences(link, all, outcomes);
    expect((await new JobStore(link).read(`at${wrong}-${wrong}`)).entries).toEqual([]);
  }
  expect(batches.size).toBe(1 + size);
});

test("of a failed batch no more than a hundred writes are under way at once: a slow node answers each in its time", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const publish = link.js.publish.bind(link.js);
  let underWay = 0;
  let most = 0;
  vi.spyOn(link.js, "publish").mockImplementation((...given) => {
    most = Math.max(most, ++underWay);
    return publish(...given).finally(() => underWay--);
  });
  const writes = Array.from({ length: 250 }, (_, index) => ({ job: `job${index}`, guard: index === 3 ? 999_999 : 0 }));
  const outcomes = await writeAll(new JobStore(link), writes);
  expect(outcomes.map(({ kind }) => kind)).toEqual(writes.map(({ guard }) => (guard === 0 ? "stored" : "conflict")));
  expect(most).toBe(100);
});

test("of a failed batch nothing more is sent once one is not answered: what is behind it waits no longer", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const publish = link.js.publish.bind(link.js);
  const lost = new Error("lost");
  const spy = vi.spyOn(link.js, "publish").mockImplementationOnce(() => Promise.reject(lost));
  spy.mockImplementation((...given) => publish(...given));
  const writes = Array.from({ length: 250 }, (_, index) => ({ job: `job${index}`, guard: index === 3 ? 999_999 : 0 }));
  const outcomes = await writeAll(new JobStore(link), writes);
  expect(spy).toHaveBeenCalledTimes(100);
  expect(outcomes.map(({ kind }) => kind)).toEqual(
    writes.map((_, index) => (index === 0 || index >= 100 ? "unknown" : index === 3 ? "conflict" : "stored")),
  );
});

test("markers in a batch keep their time to live and their guard", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  await using spy = await openStores(nats);
  const store = new JobStore(link);
  const runs = Array.from({ length: 30 }, (_, index) => sampleRun({ job: `job${index}` }));
  const stored = await Promise.all(runs.map((run) => store.write(run, 0)));
  const batches = await spyOnBatches(spy);
  const guards = stored.map((outcome, index) => (outcome.kind === "stored" && index !== 29 ? outcome.sequence : 0));
  const removed = await Promise.all(runs.map((run, index) => store.remove(run, guards[index] ?? 0)));
  expect(removed.map(({ kind }) => kind)).toEqual(runs.map((_, index) => (index === 29 ? "conflict" : "stored")));
  const [last] = [...batches.keys()].filter((id) => id !== "").slice(-1);
  expect(batches.get(last ?? "")?.at(-1)).toBe("job29");
  for (const outcome of removed) {
    if (outcome.kind !== "stored") continue;
    const { header } = (await link.jsm.streams.getMessage(STREAMS.jobs, { seq: outcome.sequence })) ?? {};
    expect([header?.get("KV-Operation"), header?.get("Nats-TTL")]).toEqual(["DEL", "150s"]);
  }
});
