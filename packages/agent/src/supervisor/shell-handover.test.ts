import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { composeHandover } from "./shell-handover.ts";

test("a handover that was cut off anywhere starts nothing", async () => {
  const directory = await mkdtemp(join(tmpdir(), "jobs-handover-"));
  const [path, proof] = [join(directory, "handover"), join(directory, "proof")];
  const text = composeHandover({ interpreter: ["touch", proof], scriptPath: path, env: { A: "b" }, directory })!;
  // All but the line feed at the end is whole.
  for (let cut = 0; cut < text.length - 1; cut += 1) {
    await writeFile(path, text.subarray(0, cut));
    spawnSync("/bin/sh", ["-c", `fifo=$1; shift; . "$fifo"; exec "$@"`, "sh", path], {
      stdio: "ignore",
      timeout: 1_000,
    });
    if (existsSync(proof)) expect.fail(`started by the first ${cut} of ${text.length} bytes`);
  }
  await writeFile(path, text);
  expect(spawnSync("/bin/sh", ["-c", `fifo=$1; shift; . "$fifo"; exec "$@"`, "sh", path]).status).toBe(0);
  expect(existsSync(proof)).toBe(true);
  await rm(directory, { recursive: true });
});

test.each([
  ["a name that no shell exports", { "a-b": "1" }],
  ["a name that means something to the shell", { OPTIND: "x" }],
  ["more than a FIFO holds", { LARGE: "x".repeat(70_000) }],
  ["a NUL", { NUL: "a\0b" }],
])("%s cannot be handed over", (_, env) => {
  expect(composeHandover({ interpreter: ["bash"], scriptPath: "/script", env, directory: "/" })).toBeUndefined();
});
