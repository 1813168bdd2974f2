import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ShippedNote } from "./shipped-note.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "jobs-note-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("of notes made at the same time the last one stands, whole", async () => {
  const note = new ShippedNote(join(folder, "note"));
  for (let round = 0; round < 100; round++) {
    await Promise.all([note.note(1_234_567), note.note(99), note.note(12_345), note.note(7)]);
    expect(await note.load()).toBe(7);
  }
  expect(await readdir(folder)).toEqual(["note"]);
});

test("no note, one that is no number, and a folder that is gone are no error", async () => {
  const note = new ShippedNote(join(folder, "note"));
  expect(await note.load()).toBe(0);
  await writeFile(join(folder, "note"), "12x");
  expect(await note.load()).toBe(0);
  await rm(folder, { recursive: true });
  await note.note(5);
});
