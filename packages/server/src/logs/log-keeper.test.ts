import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileStore, logKey } from "@jobs/core/artifacts";
import { connectNats, ensureTopology, LogStore } from "@jobs/core/jetstream";
import { startNats } from "@jobs/core/testing";
import { expect, test } from "vitest";
import { LogKeeper } from "./log-keeper.ts";

const ADDRESS = { job: "nightly", agent: "alpha", run: "run00001", attempt: 1 };
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** With such chunks in LOGS. */
async function open(chunks: Readonly<Record<number, string>>) {
  const nats = await startNats();
  const link = await connectNats({ url: nats.url, name: "test" });
  await ensureTopology(link, () => 1);
  const logs = new LogStore(link);
  for (const [offset, text] of Object.entries(chunks))
    await logs.append(ADDRESS, { offset: Number(offset), bytes: Buffer.from(text) });
  const directory = await mkdtemp(join(tmpdir(), "log-keeper-"));
  const artifacts = new FileStore({ directory, secret: "s", baseUrl: () => "", now: Date.now });
  return {
    keeper: new LogKeeper({ logs, artifacts }),
    kept: async (): Promise<string> => {
      const parts: Uint8Array[] = [];
      for await (const part of await artifacts.get(logKey(ADDRESS))) parts.push(part);
      return Buffer.concat(parts).toString();
    },
    [Symbol.asyncDispose]: async () => {
      await link.connection.close();
      await nats[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

test("a log is complete when its hash is the host's, however its chunks came", async () => {
  await using opened = await open({ 0: "one ", 4: "two ", 2: "e two three" });
  const text = "one two three";
  const log = { lengthBytes: text.length, sha256: sha256(text) };
  expect(await opened.keeper.keep(ADDRESS, log)).toEqual({ log: { ...log, complete: true } });
  expect(await opened.kept()).toBe(text);
});

test.each([
  ["a part of it, without a hash", { lengthBytes: 4 }],
  ["a part of it, with the hash of that", { lengthBytes: 4, sha256: sha256("one ") }],
  ["nothing of it, without a hash", { lengthBytes: 0 }],
  ["nothing of it, with the hash of that", { lengthBytes: 0, sha256: sha256("") }],
  ["all of it, without a hash", { lengthBytes: 13 }],
])("all that LOGS has is kept, and not called complete, of a host that has %s after a crash", async (_, end) => {
  const text = "one two three";
  await using opened = await open({ 0: "one ", 4: "two ", 8: "three" });
  const log = { lengthBytes: text.length, sha256: sha256(text), complete: false };
  expect(await opened.keeper.keep(ADDRESS, end)).toEqual({ log });
  expect(await opened.kept()).toBe(text);
});

test("an empty log is complete, but not that of a host that gives no hash", async () => {
  await using opened = await open({});
  const end = { lengthBytes: 0, sha256: sha256("") };
  expect(await opened.keeper.keep(ADDRESS, end)).toEqual({ log: { ...end, complete: true } });
  expect(await opened.keeper.keep(ADDRESS, { lengthBytes: 0 })).toEqual({ log: { lengthBytes: 0, complete: false } });
});

test("bytes that LOGS has not are asked for; in the end the log is kept up to them, and says so", async () => {
  await using opened = await open({ 0: "one ", 8: "three" });
  const end = { lengthBytes: 13, sha256: sha256("one two three") };
  expect(await opened.keeper.keep(ADDRESS, end)).toEqual({ missingFrom: 4 });
  const log = { lengthBytes: 13, complete: false, missing: [[4, 13]] };
  expect(await opened.keeper.keep(ADDRESS, end, true)).toEqual({ log });
  expect(await opened.kept()).toBe("one ");
});
