import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { CONFIRMED_FOR_MS, ViewMark, type Markable } from "./view-mark.ts";

/** A store whose watch brings marks back when the test says so. */
class HeldStore implements Markable {
  readonly marks: string[] = [];
  error: Error | undefined;

  mark(_server: string, mark: string): Promise<void> {
    this.marks.push(mark);
    return this.error === undefined ? Promise.resolve() : Promise.reject(this.error);
  }
}

function marked() {
  const clock = { ms: 1_000 };
  const [jobs, history] = [new HeldStore(), new HeldStore()];
  const holes: number[] = [];
  const view = new ViewMark({
    stores: [jobs, history],
    server: "here",
    monotonicMs: () => clock.ms,
    onHoles: () => holes.push(clock.ms),
    log: pino({ level: "silent" }),
  });
  /** Begins to confirm, and tells whether that has resolved. */
  const confirm = (): { isConfirmed: boolean; readonly done: Promise<void> } => {
    const confirming = { isConfirmed: false, done: view.confirm().then(() => void (confirming.isConfirmed = true)) };
    return confirming;
  };
  const bringBack = async (store: HeldStore, mark = store.marks.at(-1), server = "here"): Promise<void> => {
    view.onMark(store, server, mark ?? "");
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { view, clock, jobs, history, holes, confirm, bringBack };
}

test("the view is current once the mark came back through the watches of all stores, and for 15 s from when it was sent", async () => {
  const { view, clock, jobs, history, confirm, bringBack } = marked();
  const confirming = confirm();
  expect(view.isCurrent()).toBe(false);
  clock.ms += 1_000;
  await bringBack(jobs);
  await bringBack(jobs);
  expect([view.isCurrent(), confirming.isConfirmed]).toEqual([false, false]);
  await bringBack(history);
  await confirming.done;
  expect([view.isCurrent(), view.ageMs()]).toEqual([true, 1_000]);
  clock.ms += CONFIRMED_FOR_MS - 1_001;
  expect(view.isCurrent()).toBe(true);
  clock.ms += 1;
  expect(view.isCurrent()).toBe(false);
});

test("another server's mark, and one that nobody waits for, confirm nothing", async () => {
  const { view, jobs, history, confirm, bringBack } = marked();
  const confirming = confirm();
  for (const store of [jobs, history]) {
    await bringBack(store, store.marks[0], "there");
    await bringBack(store, "another");
  }
  expect(view.isCurrent()).toBe(false);
  for (const store of [jobs, history]) await bringBack(store);
  await confirming.done;
});

test("a view that was invalidated is not current before a later mark came back", async () => {
  const { view, jobs, history, confirm, bringBack } = marked();
  for (const isAgain of [false, true]) {
    const confirming = confirm();
    expect(view.isCurrent()).toBe(false);
    for (const store of [jobs, history]) await bringBack(store);
    await confirming.done;
    expect(view.isCurrent()).toBe(true);
    if (!isAgain) view.invalidate();
  }
});

test("a mark that was on its way when the view was invalidated confirms nothing, and another one is sent in its place", async () => {
  const { view, jobs, history, confirm, bringBack } = marked();
  const confirming = confirm();
  await bringBack(jobs);
  view.invalidate();
  for (const store of [jobs, history]) await bringBack(store, store.marks[0]);
  expect([view.isCurrent(), confirming.isConfirmed]).toEqual([false, false]);
  expect([jobs.marks, history.marks]).toMatchObject([{ length: 2 }, { length: 2 }]);
  for (const store of [jobs, history]) await bringBack(store);
  await confirming.done;
  expect(view.isCurrent()).toBe(true);
});

test("a view that lagged for most of a marker's life is read anew before it counts: a removal may have passed it by", async () => {
  const { view, clock, jobs, history, holes, confirm, bringBack } = marked();
  const back = async (): Promise<void> => {
    for (const store of [jobs, history]) await bringBack(store);
  };
  const first = confirm();
  await back();
  await first.done;
  clock.ms += 100_000;
  const inTime = confirm();
  await back();
  await inTime.done;
  expect([view.isCurrent(), holes]).toEqual([true, []]);
  clock.ms += 100_001;
  const late = confirm();
  await back();
  expect([view.isCurrent(), late.isConfirmed, holes]).toEqual([false, false, [clock.ms]]);
  await back(); // the mark that was sent in its place
  await late.done;
  expect(view.isCurrent()).toBe(true);
});

test("a mark that another one took the place of before it was delivered is confirmed with that one, and a later one is not", async () => {
  const { clock, view, jobs, history, confirm, bringBack } = marked();
  const first = confirm();
  clock.ms += 100;
  const second = confirm();
  const third = confirm();
  await bringBack(jobs, jobs.marks[1]);
  await bringBack(history, history.marks[0]);
  expect([first.isConfirmed, second.isConfirmed, view.ageMs()]).toEqual([true, false, 100]);
  await bringBack(history, history.marks[1]);
  await second.done;
  expect([third.isConfirmed, view.ageMs()]).toEqual([false, 0]);
  for (const store of [jobs, history]) await bringBack(store);
  await third.done;
});

test("a mark that was lost, or not stored, is followed by another one soon, and by none once the view is confirmed", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const { view, jobs, history, confirm, bringBack } = marked();
    history.error = new Error("no leader");
    const confirming = confirm();
    await bringBack(jobs);
    history.error = undefined;
    vi.advanceTimersByTime(1_000);
    expect([jobs.marks, history.marks]).toMatchObject([{ length: 2 }, { length: 2 }]);
    await bringBack(history); // the first one was not stored; with the later one nothing before it is missing
    await confirming.done;
    expect(view.isCurrent()).toBe(true);
    view.invalidate();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(jobs.marks).toHaveLength(2);
  } finally {
    vi.useRealTimers();
  }
});

test("a view whose marks never come back is not confirmed, and it is said why", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const { view, jobs, confirm } = marked();
    jobs.error = new Error("no leader");
    const failed = expect(confirm().done).rejects.toThrow(
      expect.objectContaining({ message: expect.stringContaining("did not come back"), cause: jobs.error }),
    );
    await vi.advanceTimersByTimeAsync(5_000);
    await failed;
    expect(view.isCurrent()).toBe(false);
    const { length } = jobs.marks;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(jobs.marks).toHaveLength(length);
  } finally {
    vi.useRealTimers();
  }
});

test("the start waits until the view is confirmed, however often that fails, and no longer than until the stop", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  try {
    const { view, jobs, history, bringBack } = marked();
    jobs.error = new Error("no leader");
    let isStarted = false;
    const starting = view.start().then(() => (isStarted = true));
    await vi.advanceTimersByTimeAsync(12_000);
    expect(isStarted).toBe(false);
    jobs.error = undefined;
    await vi.advanceTimersByTimeAsync(1_000);
    for (const store of [jobs, history]) await bringBack(store);
    await starting;
    expect(view.isCurrent()).toBe(true);
    await view.stop();

    const stopped = marked();
    const ended = stopped.view.start();
    await stopped.view.stop();
    await vi.advanceTimersByTimeAsync(5_000);
    await ended;
    const { length } = stopped.jobs.marks;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(stopped.jobs.marks).toHaveLength(length);
  } finally {
    vi.useRealTimers();
  }
});

test("one mark is sent in the place of all that were on their way when the view was invalidated, and none after the stop", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const { view, jobs, history, confirm, bringBack } = marked();
    const confirming = confirm();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(jobs.marks).toHaveLength(2);
    view.invalidate();
    await vi.advanceTimersByTimeAsync(0);
    expect(jobs.marks).toHaveLength(3);
    await view.stop();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(jobs.marks).toHaveLength(3);
    for (const store of [jobs, history]) await bringBack(store);
    await confirming.done;
  } finally {
    vi.useRealTimers();
  }
});

test("a later mark that took the place of another's is seen for both, though who sent it has its answer already", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const { jobs, history, confirm, bringBack } = marked();
    const first = confirm();
    await vi.advanceTimersByTimeAsync(500);
    const second = confirm();
    await vi.advanceTimersByTimeAsync(500);
    expect(jobs.marks).toHaveLength(3); // of the first, the second, and the first again
    for (const store of [jobs, history]) await bringBack(store, store.marks[0]);
    await first.done;
    expect(second.isConfirmed).toBe(false);
    for (const store of [jobs, history]) await bringBack(store, store.marks[2]);
    await second.done;
  } finally {
    vi.useRealTimers();
  }
});
