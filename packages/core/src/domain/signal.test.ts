import { constants } from "node:os";
import { expect, test } from "vitest";
import { isSignalName, SIGNAL_NAMES } from "./signal.ts";

test("the names are those of this platform, one for each number", () => {
  const first = new Map(
    Object.entries(constants.signals)
      .toReversed()
      .map(([name, number]) => [number, name]),
  );
  expect(new Set<string>(SIGNAL_NAMES)).toEqual(new Set<string>(first.values()));
});

test.each(["SIGKILL", "SIG32", "SIG34", "SIG64"])("%s is a signal", (name) => expect(isSignalName(name)).toBe(true));
test.each(["", "KILL", "SIGKIL", "sigkill", "SIG9", "SIG65", "SIGRTMIN+1"])("%j is none", (name) =>
  expect(isSignalName(name)).toBe(false),
);
