import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { describeArtifactStore, factsOf, inPieces, type OpenedStore } from "../testing/artifact-store-contract.ts";
import { FileStore } from "./file-store.ts";
import { artifactKey, runPrefix } from "./object-keys.ts";
import { verifyGrant } from "./signed-url.ts";

const SECRET = "secret";
const NOW_MS = 1_000_000_000;
const HOUR_MS = 3_600_000;

async function open(): Promise<OpenedStore & { readonly store: FileStore; readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), "jobs-file-store-"));
  const store = new FileStore({
    directory: join(folder, "store"),
    secret: SECRET,
    baseUrl: () => "http://server:1",
    now: () => NOW_MS,
  });
  const agedMs = NOW_MS - 1_000;
  const age = async (): Promise<void> => {
    const entries = await readdir(join(folder, "store"), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    for (const file of files) await utimes(file, agedMs / 1000, agedMs / 1000);
  };
  return { store, folder, age, agedMs, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

describeArtifactStore("files", open);

const bytes = new TextEncoder().encode("content");

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

test("an upload leaves one file when it was taken, and none when it was not", async () => {
  await using opened = await open();
  const { store, folder } = opened;
  await expect(store.put("a/b", inPieces(bytes), { ...factsOf(bytes), sizeBytes: 3 })).rejects.toThrow();
  await expect(store.put("..", inPieces(bytes))).rejects.toThrow();
  expect(await filesIn(folder)).toEqual([]);
  await store.put("a/b", inPieces(bytes), factsOf(bytes));
  expect(await filesIn(folder)).toEqual(["b"]);
});

test("an upload that is longer than announced is not read to its end", async () => {
  await using opened = await open();
  let given = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      given++;
      yield await Promise.resolve(bytes);
    }
  }
  await expect(opened.store.put("a/b", endless(), factsOf(bytes))).rejects.toMatchObject({ code: "upload-mismatch" });
  expect(given).toBe(2);
});

test("what a killed server left half written goes after a day; what another one writes just now stays", async () => {
  await using opened = await open();
  const { store, folder } = opened;
  await store.removeLeftOvers();
  const incoming = join(folder, "store", "incoming");
  await mkdir(incoming, { recursive: true });
  for (const [name, hours] of Object.entries({ old: 25, slow: 23, new: 0 })) {
    await writeFile(join(incoming, name), "half");
    await utimes(join(incoming, name), 0, (NOW_MS - hours * HOUR_MS) / 1000);
  }
  await store.put("a/b", inPieces(bytes));
  await store.removeLeftOvers();
  expect((await readdir(incoming)).toSorted()).toEqual(["new", "slow"]);
  expect(await filesIn(join(folder, "store", "a"))).toEqual(["b"]);
});

test("nothing beside the store's folder can be reached", async () => {
  await using opened = await open();
  await writeFile(join(opened.folder, "outside"), "x");
  for (const key of ["../outside", "a/../../outside", "./../outside"]) {
    await expect(opened.store.findSize(key)).rejects.toMatchObject({ code: "artifact-unknown" });
  }
  expect(await opened.store.findSize(join(opened.folder, "outside").slice(1))).toBeUndefined();
});

test("any file that a script may leave can be put under its key and got by its URL", async () => {
  await using opened = await open();
  const { store } = opened;
  const names = [
    "a b.txt",
    "sub/ä?#%&=.txt",
    "...",
    "a\\b",
    "n".repeat(255),
    `${"🦊".repeat(60)}/x`,
    "~",
    "*",
    "\ud800",
    "a'b\"c",
    "%2e%2e",
  ];
  for (const name of names) {
    const key = artifactKey({ job: "a job/..", run: "run00001", attempt: 1 }, name);
    await store.put(key, inPieces(bytes), factsOf(bytes));
    const url = new URL((await store.downloadFrom(key)).url);
    const path = url.pathname.slice("/v1/objects/".length).split("/").map(decodeURIComponent).join("/");
    expect(path).toBe(key);
    expect(
      verifyGrant(SECRET, { method: "GET", key: path, query: Object.fromEntries(url.searchParams) }, NOW_MS),
    ).toBeDefined();
    expect(await store.findSize(path)).toBe(bytes.length);
  }
});

test("an upload URL is bound to its object, size and hash, for an hour", async () => {
  await using opened = await open();
  const facts = factsOf(bytes);
  const { url } = await opened.store.uploadTo("a/b", facts);
  expect(url.startsWith("http://server:1/v1/objects/a/b?")).toBe(true);
  const query = Object.fromEntries(new URL(url).searchParams);
  const grant = verifyGrant(SECRET, { method: "PUT", key: "a/b", query }, NOW_MS);
  expect(grant).toEqual({ method: "PUT", key: "a/b", expiresAtMs: NOW_MS + HOUR_MS, ...facts });
  expect(verifyGrant(SECRET, { method: "GET", key: "a/b", query }, NOW_MS)).toBeUndefined();
});

test("people are shown where the objects are", async () => {
  await using opened = await open();
  const location = opened.store.locationOf(runPrefix("a b", "run00001"));
  expect(fileURLToPath(location)).toBe(join(opened.folder, "store", "runs/a=20b/run00001"));
});

test("a folder goes with its last object, and never from under one that comes", async () => {
  await using opened = await open();
  const { store, folder } = opened;
  const one = "runs/one/a/1/log";
  const putTo = (key: string): Promise<unknown> => store.put(key, inPieces(bytes));
  const folders = async (): Promise<string[]> => (await readdir(join(folder, "store"), { recursive: true })).toSorted();
  for (const key of [one, "runs/one/b/1/log", "runs/two/c/1/log"]) await putTo(key);
  for (const prefix of ["runs/one/b", "runs/two/c", "runs/three/d"]) await store.removeAll(prefix);
  expect(await folders()).toEqual(["incoming", "runs", "runs/one", "runs/one/a", "runs/one/a/1", one]);
  await store.removeAll("runs/one/a");
  expect(await folders()).toEqual(["incoming"]);
  // Whoever removes the last object of another run takes the folders that are empty then.
  const paths = ["one/a/1", "one/a", "one"].map((name) => join(folder, "store/runs", name));
  const others = new Worker(
    `const { workerData } = require("node:worker_threads");
    const { rmdirSync } = require("node:fs");
    for (;;) for (const path of workerData) try { rmdirSync(path) } catch {}`,
    { eval: true, workerData: paths },
  );
  try {
    for (let round = 0; round < 50; round++) {
      await putTo(one);
      expect(await store.findSize(one)).toBe(bytes.length);
      await store.removeAll("runs/one/a");
    }
  } finally {
    await others.terminate();
  }
});
