import { expect, test } from "vitest";
import { findMissingProgram } from "./interpreter.ts";

const PATH = "/usr/bin:/bin";

test.each([
  [["sh"]],
  [["/bin/sh", "-e"]],
  [["/usr/bin/env", "sh"]],
  [["env", "-i", "-u", "HOME", "LANG=C", "sh", "-e"]],
  [["/usr/bin/env", "-S", "sh -e"]],
  [["/usr/bin/env", "-S", "LANG=C", "sh", "-e"]],
  [["/usr/bin/env", "-iS sh"]],
])("finds every program of %j", (interpreter) => {
  expect(findMissingProgram(interpreter, PATH)).toBeUndefined();
});

test.each([
  [["no-such-shell"], "no-such-shell"],
  [["/bin/no-such-shell"], "/bin/no-such-shell"],
  [["./sh"], "./sh"],
  [["/tmp"], "/tmp"],
  [["/usr/bin/env", "no-such-shell", "-u"], "no-such-shell"],
  [["/usr/bin/env", "-S", "A=1 no-such-shell -u"], "no-such-shell"],
  [[], "(no interpreter)"],
])("names what is missing of %j", (interpreter, missing) => {
  expect(findMissingProgram(interpreter, PATH)).toBe(missing);
});
