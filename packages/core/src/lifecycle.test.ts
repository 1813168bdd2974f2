import { expect, test } from "vitest";
import { startAll, stopAll, type Service } from "./lifecycle.ts";

function serviceOf(name: string, log: string[], fails?: "start" | "stop"): Service {
  const act = (what: "start" | "stop") => (): Promise<void> => {
    log.push(`${what} ${name}`);
    return fails === what ? Promise.reject(new Error(`${name} did not ${what}`)) : Promise.resolve();
  };
  const stop = act("stop");
  return { start: act("start"), stop, [Symbol.asyncDispose]: stop };
}

test("services are started in order and stopped in reverse", async () => {
  const log: string[] = [];
  const services = ["a", "b", "c"].map((name) => serviceOf(name, log));
  await startAll(services);
  await stopAll(services);
  expect(log).toEqual(["start a", "start b", "start c", "stop c", "stop b", "stop a"]);
});

test("when one does not start, it and those before it are stopped, and its error is the one that counts", async () => {
  const log: string[] = [];
  const services = [serviceOf("a", log, "stop"), serviceOf("b", log, "start"), serviceOf("c", log)];
  await expect(startAll(services)).rejects.toThrow("b did not start");
  expect(log).toEqual(["start a", "start b", "stop b", "stop a"]);
});

test("one that does not stop keeps none of the others from it; the first failure is told", async () => {
  const log: string[] = [];
  await expect(
    stopAll([serviceOf("a", log, "stop"), serviceOf("b", log, "stop"), serviceOf("c", log)]),
  ).rejects.toThrow("b did not stop");
  expect(log).toEqual(["stop c", "stop b", "stop a"]);
});
