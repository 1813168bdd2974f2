import { appendFile, chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import type { JournalRecord } from "./attempt-record.ts";
import { Journal } from "./journal.ts";
import { unprivileged } from "./testing/unprivileged.ts";

test("records come back in the order they were appended", async () => {
  await using folder = await TestFolder.make();
  const { journal } = await openJournal(folder.path);
  await Promise.all([fenceRecord(1), fenceRecord(2)].map((record) => journal.append(record)));
  await journal.append(fenceRecord(3));
  await journal.close();
  expect(await readRecords(folder.path)).toEqual([1, 2, 3].map(fenceRecord));
});

test("records appended at the same time share a sync", async () => {
  await using folder = await TestFolder.make();
  const { journal } = await openJournal(folder.path);
  await Promise.all(Array.from({ length: 500 }, (_, index) => journal.append(fenceRecord(index))));
  expect(journal.syncCount).toBeGreaterThan(0);
  expect(journal.syncCount).toBeLessThan(10);
  await journal.close();
  expect(await readRecords(folder.path)).toHaveLength(500);
});

test("an append resolves only once the record is in the file", async () => {
  await using folder = await TestFolder.make();
  const { journal } = await openJournal(folder.path);
  await journal.append(fenceRecord(7));
  expect(await readFile(join(folder.path, "journal"), "utf8")).toContain('"sequence":7');
  await journal.close();
});

test("a torn last line is ignored and overwritten", async () => {
  await using folder = await TestFolder.make();
  const path = join(folder.path, "journal");
  const first = await openJournal(folder.path);
  await first.journal.append(fenceRecord(1));
  await first.journal.close();
  await appendFile(path, '01234567 {"kind":"fen');

  const second = await openJournal(folder.path);
  expect(second.records).toEqual([fenceRecord(1)]);
  expect(second.corruptCount).toBe(0);
  await second.journal.append(fenceRecord(2));
  await second.journal.close();
  expect(await readRecords(folder.path)).toEqual([fenceRecord(1), fenceRecord(2)]);
});

test("a damaged line in the middle is set aside, and the rest still counts", async () => {
  await using folder = await TestFolder.make();
  const path = join(folder.path, "journal");
  const first = await openJournal(folder.path);
  for (const sequence of [1, 2, 3]) await first.journal.append(fenceRecord(sequence));
  await first.journal.close();
  await writeFile(path, (await readFile(path, "utf8")).replace('"sequence":2', '"sequence":9'));

  const second = await openJournal(folder.path);
  expect(second.records).toEqual([fenceRecord(1), fenceRecord(3)]);
  expect(second.corruptCount).toBe(1);
  expect(await readFile(`${path}.corrupt`, "utf8")).toContain('"sequence":9');
  await second.journal.close();
});

test("a record of a kind or version of another generation is set aside, and the rest still counts", async () => {
  await using folder = await TestFolder.make();
  const path = join(folder.path, "journal");
  const json = JSON.stringify(fenceRecord(1));
  const records = [json, '{"v":1,"kind":"lease"}', json.replace("{", '{"v":2,'), JSON.stringify(fenceRecord(3))];
  await writeFile(path, records.map((one) => `${crc32(one).toString(16).padStart(8, "0")} ${one}\n`).join(""));
  const second = await openJournal(folder.path);
  expect(second.records).toEqual([fenceRecord(1), fenceRecord(3)]);
  expect(second.corruptCount).toBe(2);
  expect(await readFile(`${path}.corrupt`, "utf8")).toMatch(/"lease".*\n.*"v":2/);
  await second.journal.close();
});

test("a record is written with its version", async () => {
  await using folder = await TestFolder.make();
  const { journal } = await openJournal(folder.path);
  await journal.append(fenceRecord(1));
  await journal.close();
  expect(await readFile(join(folder.path, "journal"), "utf8")).toContain('{"v":1,"kind":"fence"');
});

test("a large journal is rewritten to its snapshot, and goes on", async () => {
  await using folder = await TestFolder.make();
  const options = { path: join(folder.path, "journal"), compactAtBytes: 1_000, snapshot: () => [fenceRecord(42)] };
  const { journal } = await Journal.open(options);
  for (let sequence = 0; journal.sizeBytes >= sequence * 10; sequence += 1) await journal.append(fenceRecord(sequence));
  await journal.append(fenceRecord(43));
  await journal.close();
  const records = await readRecords(folder.path);
  expect(records[0]).toEqual(fenceRecord(42));
  expect(records.at(-1)).toEqual(fenceRecord(43));
});

test("after a rewrite nothing is promised before the new file has its name on the disk", () =>
  unprivileged(async () => {
    await using folder = await TestFolder.make();
    const options = { path: join(folder.path, "journal"), compactAtBytes: 0, snapshot: () => [fenceRecord(42)] };
    const { journal } = await Journal.open(options);
    await chmod(folder.path, 0o300); // may be written, not opened
    await journal.append(fenceRecord(1));
    await expect(journal.append(fenceRecord(2))).rejects.toThrow("EACCES");
    await chmod(folder.path, 0o700);
    await journal.append(fenceRecord(3));
    await journal.close();
    expect(await readRecords(folder.path)).toEqual([fenceRecord(42), fenceRecord(3)]);
  }));

function fenceRecord(sequence: number): JournalRecord {
  return { kind: "fence", job: "job", fence: { epoch: "e1", sequence } };
}

function openJournal(folder: string): ReturnType<typeof Journal.open> {
  return Journal.open({ path: join(folder, "journal"), snapshot: () => [] });
}

async function readRecords(folder: string): Promise<readonly JournalRecord[]> {
  const { journal, records } = await openJournal(folder);
  await journal.close();
  return records;
}

class TestFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TestFolder> {
    return new TestFolder(await mkdtemp(join(tmpdir(), "jobs-journal-")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
