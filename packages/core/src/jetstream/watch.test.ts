import { expect, test, vi } from "vitest";
import { startNats, type NatsFixture } from "../testing/index.ts";
import { openStores, type OpenLink } from "../testing/nats-link.ts";
import { ensureTopology, STREAMS } from "./topology.ts";
import { watchStream, type StreamWatch } from "./watch.ts";

interface Watched extends AsyncDisposable {
  /** What happened, in order: the text of a message, `READY`, `RESET`. */
  readonly seen: string[];
  readonly sequences: number[];
  readonly errors: unknown[];
}

function watch(link: OpenLink, stream: string, onMessage: (text: string) => void = () => undefined): Watched {
  const seen: string[] = [];
  const sequences: number[] = [];
  const errors: unknown[] = [];
  const started: StreamWatch = watchStream(link, {
    stream,
    filter: ">",
    onMessage: ({ bytes, sequence }) => {
      const text = new TextDecoder().decode(bytes);
      seen.push(text);
      sequences.push(sequence);
      onMessage(text);
    },
    onReady: () => void seen.push("READY"),
    onReset: () => void seen.push("RESET"),
    onError: (error) => void errors.push(error),
  });
  return { seen, sequences, errors, [Symbol.asyncDispose]: () => started.stop() };
}

async function restart(nats: NatsFixture): Promise<void> {
  await nats.nodes[0]?.kill("SIGKILL");
  await nats.nodes[0]?.start();
}

/** All but READY, which may come again after each break. */
const messages = ({ seen }: Watched): string[] => seen.filter((text) => text !== "READY");

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => String(from + index));

test("first comes what is stored, the last of each subject, then READY once, then each change", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  for (const text of ["old", "new"]) await link.js.publish("history.a.1", text);
  await link.js.publish("history.a.2", "other");
  await using watched = watch(link, STREAMS.history);
  await vi.waitFor(() => expect(watched.seen).toContain("READY"));
  for (const text of numbers(0, 50)) await link.js.publish(`history.b.${Number(text) % 3}`, text);
  await vi.waitFor(() => expect(watched.seen.at(-1)).toBe("49"));
  expect(watched.seen).toEqual(["new", "other", "READY", ...numbers(0, 50)]);
  expect(watched.errors).toEqual([]);
});

test("an empty stream is READY at once", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  await using watched = watch(link, STREAMS.history);
  await vi.waitFor(() => expect(watched.seen).toEqual(["READY"]));
});

test("READY comes also when what was stored is removed before it is delivered", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const stored = 4_000; // more than the client asks for at once
  await Promise.all(numbers(0, stored).map((text) => link.js.publish(`agt.a.evt.r${text}.1`, text)));
  let removing: Promise<unknown> | undefined;
  await using watched = watch(link, STREAMS.events, () => void (removing ??= link.jsm.streams.purge(STREAMS.events)));
  await vi.waitFor(() => expect(watched.seen).toContain("READY"), { timeout: 5_000 });
  await removing;
  expect(watched.seen.length).toBeLessThan(stored);
});

test("a stream on disk goes on after kill -9 of the node without a gap, a double or a reset", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  await using writer = await openStores(nats);
  await using watched = watch(link, STREAMS.history);
  for (const text of numbers(0, 20)) await writer.js.publish(`history.a.${text}`, text);
  await vi.waitFor(() => expect(messages(watched)).toContain("19"));
  await restart(nats);
  await using again = await openStores(nats);
  for (const text of numbers(20, 40)) await again.js.publish(`history.a.${text}`, text);
  await vi.waitFor(() => expect(messages(watched)).toContain("39"), { timeout: 15_000 });
  expect(messages(watched)).toEqual(numbers(0, 40));
  expect(watched.sequences).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
});

test("what was written while the watch was cut off comes before what is written after", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  await using writer = await openStores(nats);
  await using watched = watch(link, STREAMS.history);
  await writer.js.publish("history.a.1", "1");
  await vi.waitFor(() => expect(watched.seen).toContain("1"));
  await link.connection.reconnect();
  for (const text of numbers(2, 61)) await writer.js.publish("history.a.1", text);
  await vi.waitFor(() => expect(messages(watched)).toContain("60"), { timeout: 15_000 });
  const got = messages(watched).map(Number);
  expect(got).toEqual(got.toSorted((one, other) => one - other));
  expect(new Set(got).size).toBe(got.length);
});

test("a stream in memory that went with its node is read from the start again, after RESET", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  await using watched = watch(link, STREAMS.events);
  await vi.waitFor(() => expect(watched.seen).toEqual(["READY"]));
  await link.js.publish("agt.a.evt.r.1", "before");
  await vi.waitFor(() => expect(watched.seen).toEqual(["READY", "before"]));
  await restart(nats);
  await using again = await openStores(nats); // makes the stream anew
  await again.js.publish("agt.a.evt.r.1", "after");
  await vi.waitFor(() => expect(messages(watched)).toContain("after"), { timeout: 15_000 });
  expect(messages(watched)).toEqual(["before", "RESET", "after"]);
});

test("a stream on disk that was made anew is read from the start again, after RESET", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  await using watched = watch(link, STREAMS.history);
  await link.js.publish("history.a.1", "before");
  await vi.waitFor(() => expect(watched.seen).toContain("before"));
  await link.jsm.streams.delete(STREAMS.history);
  await ensureTopology(link, () => 2);
  await link.js.publish("history.a.2", "after");
  await vi.waitFor(() => expect(messages(watched)).toEqual(["before", "RESET", "after"]), { timeout: 15_000 });
});

/** The first request to `subject…` goes where nobody answers, until it times out. */
function neverAnswerFirst({ connection }: OpenLink, subject: string): { asked: number } {
  connection.subscribe("silence", { callback: () => undefined });
  const request = connection.request.bind(connection);
  const count = { asked: 0 };
  connection.request = (to, ...more) =>
    request(to.startsWith(subject) && count.asked++ === 0 ? "silence" : to, ...more);
  return count;
}

test("a watch does not wait for the removal of its last consumer, which may have gone with its node", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  await using watched = watch(link, STREAMS.history);
  await link.js.publish("history.a.1", "1");
  await vi.waitFor(() => expect(messages(watched)).toEqual(["1"]));
  const removals = neverAnswerFirst(link, "$JS.API.CONSUMER.DELETE");
  await link.connection.reconnect();
  await vi.waitFor(() => expect(removals.asked).toBe(1));
  await link.js.publish("history.a.1", "2");
  await vi.waitFor(() => expect(messages(watched)).toEqual(["1", "2"]), { timeout: 4_000 });
});

test("a consumer that was asked for and never answered, as while JetStream has no leader, is soon asked for again", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const creations = neverAnswerFirst(link, "$JS.API.CONSUMER.CREATE");
  await using watched = watch(link, STREAMS.history);
  await vi.waitFor(() => expect(watched.seen).toContain("READY"), { timeout: 4_000 });
  expect(creations.asked).toBe(2);
  expect(watched.errors).toHaveLength(1);
});

test("a consumer that is gone is made anew, and nothing is missed", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  await using watched = watch(link, STREAMS.history);
  await link.js.publish("history.a.1", "1");
  await vi.waitFor(() => expect(watched.seen).toContain("1"));
  for await (const { name } of link.jsm.consumers.list(STREAMS.history))
    await link.jsm.consumers.delete(STREAMS.history, name);
  for (const text of numbers(2, 10)) await link.js.publish(`history.a.${text}`, text);
  await vi.waitFor(() => expect(messages(watched)).toEqual(numbers(1, 10)), { timeout: 15_000 });
});

test("one message that cannot be read is told of and does not hide those after it", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  await using watched = watch(link, STREAMS.history, (text) => {
    if (text === "bad") throw new Error("not readable");
  });
  for (const text of ["good", "bad", "better"]) await link.js.publish(`history.a.${text}`, text);
  await vi.waitFor(() => expect(watched.seen).toContain("better"));
  expect(watched.errors.map(String)).toEqual(["Error: not readable"]);
});

test("after stop nothing is delivered, and its consumer is gone", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const watched = watch(link, STREAMS.history);
  await vi.waitFor(() => expect(watched.seen).toEqual(["READY"]));
  await watched[Symbol.asyncDispose]();
  await watched[Symbol.asyncDispose]();
  await link.js.publish("history.a.1", "late");
  await link.connection.flush();
  expect(watched.seen).toEqual(["READY"]);
  expect((await link.jsm.streams.info(STREAMS.history)).state.consumer_count).toBe(0);
});
