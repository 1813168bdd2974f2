import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ShellChecker } from "./shell-checker.ts";

test("a shell that died while nothing was checked is replaced by a new one", async () => {
  await using checker = new ShellChecker();
  const directory = await emptyDirectory();
  const heard = join(directory, "pid");
  expect(await checker.findFault("echo", await program(directory, `echo $PPID >${heard}`))).toBeUndefined();
  const shell = Number(await readFile(heard, "utf8"));
  process.kill(shell, "SIGKILL");
  await expect.poll(() => isAlive(shell)).toBe(false);
  expect(await checker.findFault("if", "bash")).toMatch(/syntax error/);
});

test("a script whose shell dies is checked once more; when that dies too, it is said to pass, and the next script is read", async () => {
  await using checker = new ShellChecker();
  const directory = await emptyDirectory();
  const marker = join(directory, "killed");
  const once = await program(directory, `test -e ${marker} && exit 0; touch ${marker}; kill -KILL $PPID`);
  expect(await checker.findFault("echo", once)).toBeUndefined();
  const always = await program(directory, "kill -KILL $PPID");
  await expect(checker.findFault("echo", always)).rejects.toMatchObject({ code: "no-deciding-server" });
  expect(await checker.findFault("if", "bash")).toMatch(/syntax error/);
});

async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "shell-checker-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

let programs = 0;

/** What the checker takes for a shell. */
async function program(directory: string, commands: string): Promise<string> {
  const file = join(directory, `shell-${programs++}`);
  await writeFile(file, `#!/bin/sh\n${commands}\n`, { mode: 0o700 });
  return file;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
