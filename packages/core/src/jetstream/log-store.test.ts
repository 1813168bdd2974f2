import { expect, test } from "vitest";
import { startNats, startNatsCluster } from "../testing/index.ts";
import { openStores } from "../testing/nats-link.ts";
import { AGENT } from "../testing/sample-runs.ts";
import { CHUNK_MAX_BYTES, type LogChunk } from "./log-chunk.ts";
import { LogStore } from "./log-store.ts";

const ADDRESS = { agent: AGENT, run: "run00001", attempt: 1 };
const text = ({ offset, bytes }: LogChunk): string => `${offset}:${new TextDecoder().decode(bytes)}`;
const chunk = (offset: number, content: string): LogChunk => ({ offset, bytes: new TextEncoder().encode(content) });

/** Reads until so many were delivered. */
async function read(store: LogStore, count: number, address = ADDRESS): Promise<string[]> {
  const got: string[] = [];
  const enough = new AbortController();
  for await (const one of store.chunks(address, enough.signal)) {
    got.push(one === "caught-up" ? one : text(one));
    if (got.length >= count) enough.abort();
  }
  return got;
}

test("chunks come with their offsets as they were stored, then live; a reader that begins again gets all of them", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new LogStore(link);
  expect(await read(store, 1)).toEqual(["caught-up"]);
  await store.append(ADDRESS, chunk(0, "one"));
  await store.append({ ...ADDRESS, attempt: 2 }, chunk(0, "another attempt"));
  await store.append({ ...ADDRESS, agent: "agent-b" }, chunk(0, "another agent"));
  const live = read(store, 4);
  await store.append(ADDRESS, chunk(3, "two"));
  await store.append(ADDRESS, chunk(3, "two")); // sent again: readers go by offsets
  expect((await live).filter((one) => one !== "caught-up")).toEqual(["0:one", "3:two", "3:two"]);
  expect(await read(store, 4)).toEqual(["0:one", "3:two", "3:two", "caught-up"]);
  expect((await link.jsm.streams.info("LOGS")).state.consumer_count).toBe(0);
});

test("on several nodes a log is read at once, though the node that is asked may not know the reader's consumer yet", async () => {
  await using nats = await startNatsCluster();
  for (const { url } of nats.nodes) {
    await using link = await openStores({ url });
    const store = new LogStore(link);
    await store.append({ ...ADDRESS, run: "run00002" }, chunk(0, "one"));
    for (let round = 0; round < 40; round++)
      expect((await read(store, 2, { ...ADDRESS, run: "run00002" })).toSorted()).toEqual(["0:one", "caught-up"]);
    await store.clear({ ...ADDRESS, run: "run00002" });
  }
});

test("a reader goes on at a chunk that it had; what was removed since is left out", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new LogStore(link);
  for (const [offset, content] of ["a", "b", "c", "d"].entries()) await store.append(ADDRESS, chunk(offset, content));
  const readFrom = async (sequence: number): Promise<unknown[]> => {
    const got: unknown[] = [];
    for await (const one of store.chunks(ADDRESS, new AbortController().signal, sequence)) {
      if (one === "caught-up") break;
      got.push([one.sequence, text(one)]);
    }
    return got;
  };
  expect(await readFrom(3)).toEqual([
    [3, "2:c"],
    [4, "3:d"],
  ]);
  await link.jsm.streams.deleteMessage("LOGS", 3);
  expect(await readFrom(3)).toEqual([[4, "3:d"]]);
});

test("a chunk of the largest size goes through, byte for byte", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new LogStore(link);
  const bytes = Uint8Array.from({ length: CHUNK_MAX_BYTES }, (_, index) => (index * 31) % 256);
  const offset = 2 ** 45;
  await store.append(ADDRESS, { offset, bytes });
  for await (const one of store.chunks(ADDRESS, AbortSignal.timeout(10_000))) {
    if (one === "caught-up") break;
    expect([one.offset, Buffer.from(one.bytes).equals(bytes)]).toEqual([offset, true]);
  }
});

test("what was kept elsewhere is removed, of that attempt alone", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new LogStore(link);
  const others = [
    { ...ADDRESS, attempt: 11 },
    { ...ADDRESS, agent: "agent-b" },
  ];
  for (const address of [ADDRESS, ...others]) await store.append(address, chunk(0, "text"));
  await store.clear(ADDRESS);
  expect(await read(store, 1)).toEqual(["caught-up"]);
  for (const address of others) expect(await read(store, 2, address)).toEqual(["0:text", "caught-up"]);
});

test("a reader learns that its consumer broke, and one that begins again goes on", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new LogStore(link);
  await store.append(ADDRESS, chunk(0, "one"));
  const got: string[] = [];
  const reading = (async () => {
    for await (const one of store.chunks(ADDRESS, new AbortController().signal)) {
      got.push(one === "caught-up" ? one : text(one));
      if (one !== "caught-up") continue;
      for await (const { name } of link.jsm.consumers.list("LOGS")) await link.jsm.consumers.delete("LOGS", name);
    }
  })();
  await expect(reading).rejects.toThrow(/reading the log broke/);
  expect(got).toEqual(["0:one", "caught-up"]);
  expect(await read(store, 2)).toEqual(["0:one", "caught-up"]);
});

test("a chunk that nobody acknowledges is told of", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  await link.connection.close();
  await expect(new LogStore(link).append(ADDRESS, chunk(0, "one"))).rejects.toThrow();
});
