import { expect, test } from "vitest";
import { SCRIPT_MAX_BYTES } from "./payload.ts";
import { checkScript, interpreterOf, programOf } from "./script.ts";

test.each([
  ["", "script-empty"],
  [" \n\t", "script-empty"],
  ["# only a comment", "script-empty"],
  ["\n  # one\r\n\r\n\t#two\n ", "script-empty"],
  ["#!/usr/bin/env python3", "script-empty"],
  ["#!/bin/bash\n\n \t\r\n", "script-empty"],
  ["#!", "script-empty"],
  ["#".repeat(SCRIPT_MAX_BYTES + 1), "script-too-large"],
  ["\u007fELF\0", "script-has-nul"],
  ["echo \ud83d", "invalid-request"],
  ["a".repeat(SCRIPT_MAX_BYTES + 1), "script-too-large"],
  ["ä".repeat(SCRIPT_MAX_BYTES / 2) + "a", "script-too-large"],
  ["€".repeat(Math.ceil(SCRIPT_MAX_BYTES / 3)), "script-too-large"],
])("a script that no host could run is refused %#", (script, code) => {
  expect(() => checkScript(script)).toThrow(expect.objectContaining({ code, field: "script" }) as Error);
});

test("a script of exactly 1 MiB of UTF-8 is taken", () => {
  checkScript("a".repeat(SCRIPT_MAX_BYTES));
  checkScript("ä".repeat(SCRIPT_MAX_BYTES / 2));
  checkScript("€".repeat(Math.floor(SCRIPT_MAX_BYTES / 3)));
  expect(() => checkScript("🦊".repeat(SCRIPT_MAX_BYTES / 4) + "a")).toThrow(/1048577 bytes/);
});

test("what has a command somewhere, or is for another interpreter, is taken", () => {
  for (const script of ["# one\ntrue", "# one\n \ttrue # two", ":#", "#!/bin/cat\n# one"]) checkScript(script);
  checkScript("# one", ["cat"]);
  checkScript("#!/bin/cat", ["cat"]);
});

test.each<[string, string[], string]>([
  ["echo hi", ["bash"], "bash"],
  ["", ["bash"], "bash"],
  ["\n#!/bin/sh", ["bash"], "bash"],
  ["#!", ["bash"], "bash"],
  ["#! \n", ["bash"], "bash"],
  ["#!/bin/sh\necho", ["/bin/sh"], "/bin/sh"],
  ["#!/bin/sh\r\necho", ["/bin/sh"], "/bin/sh"],
  ["#! \t/bin/sh", ["/bin/sh"], "/bin/sh"],
  ["#!/bin/bash -eu -x\n", ["/bin/bash", "-eu -x"], "/bin/bash"],
  ["#!/bin/awk\t-f", ["/bin/awk", "-f"], "/bin/awk"],
  ["#!/usr/bin/env python3", ["/usr/bin/env", "python3"], "python3"],
  ["#!/usr/bin/env -S node --no-warnings", ["/usr/bin/env", "node", "--no-warnings"], "node"],
  ["#!/usr/bin/env -Snode", ["/usr/bin/env", "node"], "node"],
  ["#!/usr/bin/env -S A=1 B=2 deno  run", ["/usr/bin/env", "A=1", "B=2", "deno", "run"], "deno"],
  ["#!/usr/bin/env -S -i bash", ["/usr/bin/env", "-i", "bash"], "bash"],
  ["#!/usr/bin/env -S -u HOME -C /tmp bash", ["/usr/bin/env", "-u", "HOME", "-C", "/tmp", "bash"], "bash"],
  ["#!/usr/bin/env -S", ["/usr/bin/env"], "/usr/bin/env"],
  ["#!/usr/bin/env", ["/usr/bin/env"], "/usr/bin/env"],
  ["#!env perl", ["env", "perl"], "perl"],
  ["#!/opt/myenv x", ["/opt/myenv", "x"], "/opt/myenv"],
])("%j is run by %j, for which the host needs %j", (script, interpreter, program) => {
  expect(interpreterOf(script)).toEqual(interpreter);
  expect(programOf(interpreter)).toBe(program);
});
