import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findMissingProgram, findProgram } from "./interpreter.ts";

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

test("a program is the first of its name in the path that can be executed", async () => {
  const root = await mkdtemp(join(tmpdir(), "jobs-path-"));
  const [a, b, c] = [join(root, "a"), join(root, "b"), join(root, "c")];
  for (const folder of [a, b, c]) {
    await mkdir(folder);
    await writeFile(join(folder, "tool"), "", { mode: folder === a ? 0o600 : 0o700 });
  }
  expect(findProgram("tool", `relative:${a}:${b}:${c}`)).toBe(join(b, "tool"));
  expect(findProgram(join(c, "tool"), b)).toBe(join(c, "tool"));
  expect(findProgram(join(a, "tool"), b)).toBeUndefined();
  expect(findProgram("b/tool", root)).toBeUndefined();
  await rm(root, { recursive: true });
});
