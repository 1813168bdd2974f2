import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ARTIFACT_MAX_BYTES } from "@jobs/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { collectArtifacts } from "./artifact-collector.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "jobs-output-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("files are listed by name with size and hash; links and empty folders are not", async () => {
  await mkdir(join(folder, "a/b"), { recursive: true });
  await mkdir(join(folder, "empty"));
  await writeFile(join(folder, "a/b/two"), "x");
  await writeFile(join(folder, "one"), "");
  await symlink("/etc/passwd", join(folder, "link"));
  const { artifacts, leftOut } = await collectArtifacts(folder);
  expect(leftOut).toBe(0);
  expect(artifacts).toEqual([
    { name: "a/b/two", sizeBytes: 1, sha256: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" },
    { name: "one", sizeBytes: 0, sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
  ]);
});

test("of too many files the first ones are kept, and it is said how many are not", async () => {
  for (let index = 0; index < 1_010; index++) await writeFile(join(folder, String(index).padStart(4, "0")), "");
  const { artifacts, leftOut } = await collectArtifacts(folder);
  expect([artifacts.length, artifacts.at(-1)?.name, leftOut]).toEqual([1_000, "0999", 10]);
});

test("of names that are long in a message so many are kept as one message takes", async () => {
  // JSON writes each of these characters as six bytes.
  const deep = join(folder, "\u0001".repeat(200), "\u0001".repeat(200));
  await mkdir(deep, { recursive: true });
  for (let index = 0; index < 330; index++) await writeFile(join(deep, "\u0001".repeat(200) + index), "");
  const { artifacts, leftOut } = await collectArtifacts(folder);
  expect(JSON.stringify(artifacts).length).toBeLessThan(700_000);
  expect(leftOut).toBeGreaterThan(0);
  expect(artifacts.length + leftOut).toBe(330);
});

test("a file that is too large is left out and counted, unread", async () => {
  await writeFile(join(folder, "good"), "x");
  await writeFile(join(folder, "large"), "");
  await truncate(join(folder, "large"), ARTIFACT_MAX_BYTES + 1);
  const { artifacts, leftOut } = await collectArtifacts(folder);
  expect([artifacts.map(({ name }) => name), leftOut]).toEqual([["good"], 1]);
});

test.each(["a folder", "nothing"])(
  "a link in the place of the folder is not followed, and counted: to %s",
  async (what) => {
    const elsewhere = join(folder, "elsewhere");
    if (what === "a folder") {
      await mkdir(elsewhere);
      await writeFile(join(elsewhere, "secret"), "x");
    }
    await symlink(elsewhere, join(folder, "output"));
    expect(await collectArtifacts(join(folder, "output"))).toEqual({ artifacts: [], leftOut: 1 });
  },
);

test("a folder that the script removed has no files", async () => {
  expect(await collectArtifacts(join(folder, "gone"))).toEqual({ artifacts: [], leftOut: 0 });
});

test("what cannot be named or read is left out and counted, and the others are kept", async () => {
  await mkdir(join(folder, "deep"));
  await writeFile(join(folder, "deep/good"), "x");
  await writeFile(Buffer.concat([Buffer.from(`${folder}/deep/odd-`), Buffer.from([0xff])]), "x");
  // A name that can be spelled, and reads as the odd one does.
  await writeFile(join(folder, "deep/odd-\uFFFD"), "y");
  const oddFolder = Buffer.concat([Buffer.from(`${folder}/odd-`), Buffer.from([0xfe])]);
  await mkdir(oddFolder);
  await writeFile(Buffer.concat([oddFolder, Buffer.from("/inside")]), "x");
  const long = Array.from({ length: 5 }, () => "ü".repeat(100)).join("/");
  await mkdir(join(folder, long), { recursive: true });
  await writeFile(join(folder, long, "file"), "x");
  const { artifacts, leftOut } = await collectArtifacts(folder);
  expect(artifacts.map(({ name }) => name)).toEqual(["deep/good", "deep/odd-\uFFFD"]);
  expect(leftOut).toBe(3);
});

test.runIf(process.getuid?.() !== 0)("a file and a folder that may not be read are left out and counted", async () => {
  await writeFile(join(folder, "good"), "x");
  await writeFile(join(folder, "secret"), "x", { mode: 0o000 });
  await mkdir(join(folder, "closed"), { mode: 0o000 });
  const { artifacts, leftOut } = await collectArtifacts(folder);
  expect([artifacts.map(({ name }) => name), leftOut]).toEqual([["good"], 2]);
});
