import { expect, test } from "vitest";
import { shared } from "./shared.ts";

/** Calls that end when the test says so. */
function calls() {
  const ends: PromiseWithResolvers[] = [];
  const call = shared(() => new Promise<void>((resolve, reject) => void ends.push({ resolve, reject })));
  const count = { done: 0 };
  return { ends, count, call: () => call().then(() => void count.done++) };
}

interface PromiseWithResolvers {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

test("those that come while one is under way share the next one, and none takes what began before it", async () => {
  const { ends, count, call } = calls();
  const all = [call()];
  for (let more = 0; more < 100; more++) all.push(call());
  expect(ends).toHaveLength(1);
  ends[0]?.resolve();
  await all[0];
  await expect.poll(() => ends.length).toBe(2);
  expect(count.done).toBe(1);
  const last = call();
  ends[1]?.resolve();
  await Promise.all(all);
  expect(count.done).toBe(101);
  await expect.poll(() => ends.length).toBe(3);
  ends[2]?.resolve();
  await last;
});

test("when one fails those that wait for the next one hear of it at once, and later ones try again", async () => {
  const { ends, call } = calls();
  const [first, second] = [call(), call()];
  ends[0]?.reject(new Error("gone"));
  await expect(first).rejects.toThrow("gone");
  await expect(second).rejects.toThrow("gone");
  const third = call();
  ends[1]?.resolve();
  await third;
  expect(ends).toHaveLength(2);
});
