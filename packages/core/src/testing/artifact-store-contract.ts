/** What every artifact store must do; run against each adapter by its own test. */
import { createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { ArtifactStore, ObjectFacts } from "../artifacts/store.ts";

export interface OpenedStore extends AsyncDisposable {
  readonly store: ArtifactStore;
  /** All that is in it was put and refreshed at `agedMs`, milliseconds since 1970, long before what comes from now on. */
  age(): Promise<void>;
  readonly agedMs: number;
}

/** A source that gives the bytes in pieces, as a network would. */
export async function* inPieces(bytes: Uint8Array, sizeBytes = 1_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield await Promise.resolve(bytes.subarray(at, at + sizeBytes));
}

export function factsOf(bytes: Uint8Array): ObjectFacts {
  return { sizeBytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

export async function readAll(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

function sampleBytes(length: number, seed = 7): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * seed) % 251);
}

/** Declares the tests; `open` gives a fresh, empty store. */
export function describeArtifactStore(name: string, open: () => Promise<OpenedStore>): void {
  describe(`artifact store: ${name}`, () => {
    test.each([0, 1, 5_000, 700_000])(
      "an object of %i bytes comes back as it was, and is known by its size",
      async (sizeBytes) => {
        await using opened = await open();
        const { store } = opened;
        const bytes = sampleBytes(sizeBytes);
        expect(await store.put("runs/a/b/log.1", inPieces(bytes, 64_000))).toEqual(factsOf(bytes));
        expect(await store.findSize("runs/a/b/log.1")).toBe(sizeBytes);
        expect(Buffer.compare(await readAll(await store.get("runs/a/b/log.1")), bytes)).toBe(0);
      },
    );

    test("an object can be read from any offset; from its end on there is nothing", async () => {
      await using opened = await open();
      const { store } = opened;
      const bytes = sampleBytes(5_000);
      await store.put("a/b", inPieces(bytes));
      for (const from of [0, 1, 4_999, 5_000, 6_000])
        expect(Buffer.compare(await readAll(await store.get("a/b", from)), bytes.subarray(from))).toBe(0);
    });

    test("what is not there has no size, and to read it is an error of its own", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.put("a/b", inPieces(sampleBytes(10)));
      for (const key of ["c", "a/c", "a", "a/b/c"]) {
        expect([key, await store.findSize(key)]).toEqual([key, undefined]);
        await expect(store.get(key)).rejects.toMatchObject({ code: "artifact-unknown" });
      }
    });

    test.each<[string, (facts: ObjectFacts) => ObjectFacts]>([
      ["shorter than", ({ sizeBytes, sha256 }) => ({ sizeBytes: sizeBytes + 1, sha256 })],
      ["longer than", ({ sizeBytes, sha256 }) => ({ sizeBytes: sizeBytes - 1, sha256 })],
      ["other bytes than", ({ sizeBytes }) => ({ sizeBytes, sha256: "0".repeat(64) })],
    ])("an upload that is %s what was announced keeps nothing, and what was there stays", async (_, wrong) => {
      await using opened = await open();
      const { store } = opened;
      const [before, bytes] = [sampleBytes(10), sampleBytes(5_000, 3)];
      const announced = wrong(factsOf(bytes));
      await expect(store.put("a/new", inPieces(bytes), announced)).rejects.toMatchObject({ code: "upload-mismatch" });
      expect(await store.findSize("a/new")).toBeUndefined();
      await store.put("a/old", inPieces(before), factsOf(before));
      await expect(store.put("a/old", inPieces(bytes), announced)).rejects.toMatchObject({ code: "upload-mismatch" });
      expect(Buffer.compare(await readAll(await store.get("a/old")), before)).toBe(0);
    });

    test("an upload that breaks off keeps nothing", async () => {
      await using opened = await open();
      const { store } = opened;
      async function* breaking(): AsyncGenerator<Uint8Array> {
        yield await Promise.resolve(sampleBytes(10));
        throw new Error("the line is dead");
      }
      await expect(store.put("a/b", breaking())).rejects.toThrow("the line is dead");
      expect(await store.findSize("a/b")).toBeUndefined();
    });

    test("what is under a prefix is removed, and nothing else; again is fine", async () => {
      await using opened = await open();
      const { store } = opened;
      const keys = ["a/1/log", "a/1/artifacts/b/c", "a/10/log", "a/log"];
      for (const key of keys) await store.put(key, inPieces(sampleBytes(10)));
      for (let times = 0; times < 2; times++) await store.removeAll("a/1");
      expect(await Promise.all(keys.map((key) => store.findSize(key)))).toEqual([undefined, undefined, 10, 10]);
      await expect(store.removeAll("..")).rejects.toMatchObject({ code: "artifact-unknown" });
      await expect(store.removeAll("")).rejects.toMatchObject({ code: "artifact-unknown" });
      expect(await store.findSize("a/log")).toBe(10);
    });

    test("of the objects right under a prefix those go that nobody needs and that were not put or refreshed since", async () => {
      await using opened = await open();
      const { store } = opened;
      const keys = ["p/needed", "p/refreshed", "p/unused", "p/deep/er", "other/unused"];
      for (const key of keys) await store.put(key, inPieces(sampleBytes(10)));
      await opened.age();
      expect(await store.refresh("p/refreshed")).toBe(true);
      expect(await store.refresh("p/nothing")).toBe(false);
      await store.put("p/new", inPieces(sampleBytes(10)));
      const unused = { beforeMs: opened.agedMs + 1, isUsed: (name: string) => name === "needed" };
      expect(await store.removeUnused("p", { ...unused, beforeMs: opened.agedMs })).toBe(0);
      expect(await store.removeUnused("nothing", unused)).toBe(0);
      expect(await store.removeUnused("p", unused)).toBe(1);
      const sizes = await Promise.all([...keys, "p/new"].map((key) => store.findSize(key)));
      expect(sizes).toEqual([10, 10, undefined, 10, 10, 10]);
    });

    test("what is refreshed just as it is to go stays, or is not there to be refreshed", async () => {
      await using opened = await open();
      const { store } = opened;
      const unused = { beforeMs: opened.agedMs + 1, isUsed: () => false };
      for (let round = 0; round < 200; round++) {
        await store.put("p/one", inPieces(sampleBytes(10)));
        await opened.age();
        const refresh = async (): Promise<boolean> => {
          for (let turns = round % 6; turns > 0; turns--) await turn();
          return store.refresh("p/one");
        };
        const [isThere, removed] = await Promise.all([refresh(), store.removeUnused("p", unused)]);
        expect([isThere, await store.findSize("p/one")]).toEqual(removed === 0 ? [true, 10] : [false, undefined]);
      }
    });

    test("of many uploads of one key at once one is kept, whole", async () => {
      await using opened = await open();
      const { store } = opened;
      const contents = [3, 5, 7, 11, 13].map((seed) => sampleBytes(20_000, seed));
      await Promise.all(contents.map((bytes) => store.put("a/b", inPieces(bytes), factsOf(bytes))));
      const kept = factsOf(await readAll(await store.get("a/b")));
      expect(contents.map(factsOf)).toContainEqual(kept);
    });

    test.each(["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a\0b"])(
      "%j is no key: nothing is read or written",
      async (key) => {
        await using opened = await open();
        const { store } = opened;
        await expect(store.put(key, inPieces(sampleBytes(10)))).rejects.toMatchObject({ code: "artifact-unknown" });
        await expect(store.get(key)).rejects.toMatchObject({ code: "artifact-unknown" });
        await expect(store.findSize(key)).rejects.toMatchObject({ code: "artifact-unknown" });
      },
    );
  });
}
