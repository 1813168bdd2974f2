import { expect, test } from "vitest";
import { ShellChecker } from "./shell-checker.ts";
import { ShellSyntax } from "./shell-syntax.ts";

test("a script that the shell cannot read is refused in the shell's own words, and the next one is read all the same", async () => {
  await using checker = new ShellChecker();
  const syntax = new ShellSyntax(checker);
  await expect(syntax.check("echo ok", "bash")).resolves.toBeUndefined();
  await expect(syntax.check("if true; then", "/bin/bash")).rejects.toMatchObject({
    code: "script-syntax",
    field: "script",
  });
  await expect(syntax.check("echo $(", "sh")).rejects.toThrow(/^sh cannot read the script: script: /);
  await expect(syntax.check("echo ok again", "sh")).resolves.toBeUndefined();
});

test("of a script with the line ends of Windows that the shell cannot read they are named, of another one not", async () => {
  await using checker = new ShellChecker();
  const syntax = new ShellSyntax(checker);
  const script = "if true; then\n  echo ok\nfi\n";
  const advice = /lines end in CR LF.*: save it with LF\.$/;
  await expect(syntax.check(script.replaceAll("\n", "\r\n"), "bash")).rejects.toThrow(advice);
  await expect(syntax.check("if true; then\n", "bash")).rejects.toThrow(/unexpected end of file$/);
});

test("scripts checked at the same time get each their own answer", async () => {
  await using checker = new ShellChecker();
  const syntax = new ShellSyntax(checker);
  const checks = Array.from({ length: 20 }, (_, index) =>
    syntax.check(index % 2 === 0 ? `echo ${index}` : `case ${index}`, "bash"),
  );
  const outcomes = await Promise.allSettled(checks);
  expect(outcomes.map(({ status }) => status)).toEqual(
    checks.map((_, index) => (index % 2 === 0 ? "fulfilled" : "rejected")),
  );
});

test("nothing of the script is carried out while it is checked", async () => {
  await using checker = new ShellChecker();
  await expect(new ShellSyntax(checker).check("echo done; exit 3; kill $PPID", "bash")).resolves.toBeUndefined();
  expect(await checker.findFault("echo", "bash")).toBeUndefined();
});

test("a shell that this host does not have, and other interpreters, are not checked", async () => {
  await using checker = new ShellChecker();
  expect(await checker.findFault("if", "no-such-shell")).toBeUndefined();
  await expect(new ShellSyntax(checker).check("if", "python3")).resolves.toBeUndefined();
});
