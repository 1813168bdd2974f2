import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { env } from "node:process";
import { expect, test } from "vitest";
import { JobsError } from "../errors.ts";
import { defaultCacheDir } from "./cache-dir.ts";
import { findNatsServer } from "./find.ts";
import { findPrograms } from "./program-path.ts";

const path = env["PATH"] ?? "";
const canFetch = (await findPrograms("apt-get", path)).length > 0;

test("the cache folder follows XDG_CACHE_HOME, when that is absolute", () => {
  expect(defaultCacheDir({ XDG_CACHE_HOME: "/var/cache/me" }, "/home/me")).toBe("/var/cache/me/jobs");
  expect(defaultCacheDir({ XDG_CACHE_HOME: "here" }, "/home/me")).toBe("/home/me/.cache/jobs");
  expect(defaultCacheDir({}, "/home/me")).toBe("/home/me/.cache/jobs");
});

test("a new enough nats-server on PATH is taken, and a too old one before it is passed over and named", async () => {
  await using dir = await temporaryDir();
  const old = await pretendServer(join(dir.path, "old"), "2.9.10");
  const recent = await pretendServer(join(dir.path, "recent"), "2.15.3");
  const lines: string[] = [];
  const found = await findNatsServer({
    cacheDir: join(dir.path, "cache"),
    path: [join(dir.path, "old"), join(dir.path, "recent")].join(delimiter),
    log: (line) => lines.push(line),
  });
  expect(found).toEqual({ file: recent, version: "2.15.3" });
  expect(lines).toEqual([`passed over ${old}: it is version 2.9.10, wanted is 2.15.0 or newer`]);
});

test("without nats-server and apt-get the error says what to install and what else can be done", async () => {
  await using dir = await temporaryDir();
  const error: unknown = await findNatsServer({
    cacheDir: join(dir.path, "cache"),
    path: dir.path,
    log: () => undefined,
  }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(JobsError);
  const { code, message } = error as JobsError;
  expect(code).toBe("nats-server-missing");
  for (const word of ["2.15.0", "Debian", "Fedora", "Alpine", "brew install nats-server", "Windows", "NATS_URL"]) {
    expect(message).toContain(word);
  }
});

test("a mirror that gives nothing leads to the same error and leaves nothing in the cache", async () => {
  await using dir = await temporaryDir();
  const bin = await brokenApt(dir.path);
  const cacheDir = join(dir.path, "cache");
  const finding = findNatsServer({ cacheDir, path: bin, log: () => undefined });
  await expect(finding).rejects.toMatchObject({ code: "nats-server-missing" });
  expect(await readdir(cacheDir)).toEqual([]);
});

test("an aborted search throws the reason of the abort", async () => {
  await using dir = await temporaryDir();
  const controller = new AbortController();
  const finding = findNatsServer({
    cacheDir: join(dir.path, "cache"),
    path: pathWithout("nats-server"),
    log: () => controller.abort(new Error("enough")),
    signal: controller.signal,
  });
  if (canFetch) await expect(finding).rejects.toThrow("enough");
  else await expect(finding).rejects.toMatchObject({ code: "nats-server-missing" });
});

test.skipIf(!canFetch)(
  "two searches at once both fetch; the next one takes the cache",
  { timeout: 120_000 },
  async () => {
    await using dir = await temporaryDir();
    const cacheDir = join(dir.path, "cache");
    const lines: string[] = [];
    const find = () => findNatsServer({ cacheDir, path: pathWithout("nats-server"), log: (line) => lines.push(line) });
    const [one, two] = await Promise.all([find(), find()]);
    expect(one).toEqual(two);
    expect(lines).toHaveLength(2);
    expect(await readdir(cacheDir)).toEqual(["nats-server"]);
    const { ino } = await stat(one.file);
    expect(await find()).toEqual(one);
    expect((await stat(one.file)).ino).toBe(ino);
    expect(lines).toHaveLength(2);
  },
);

async function temporaryDir(): Promise<AsyncDisposable & { path: string }> {
  const created = await mkdtemp(join(tmpdir(), "jobs-find-"));
  return { path: created, [Symbol.asyncDispose]: () => rm(created, { recursive: true }) };
}

async function pretendServer(dir: string, version: string): Promise<string> {
  return writeProgram(dir, "nats-server", `echo "nats-server: v${version}"`);
}

/** apt-get that knows a mirror and cannot reach it. */
async function brokenApt(dir: string): Promise<string> {
  const bin = join(dir, "bin");
  await writeProgram(
    bin,
    "apt-get",
    `[ "$1" = indextargets ] && echo "Debian|Debian|http://127.0.0.1:1/debian/|" || exit 100`,
  );
  await writeProgram(bin, "dpkg", "exit 0");
  return bin;
}

async function writeProgram(dir: string, name: string, script: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  const file = join(dir, name);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

function pathWithout(name: string): string {
  return path
    .split(delimiter)
    .filter((folder) => !folder.includes(name))
    .join(delimiter);
}
