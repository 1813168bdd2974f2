import { createHash, randomBytes } from "node:crypto";
import { CloseCode, type RunView } from "@jobs/core";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { JobsClient } from "./client.ts";
import { FULL_BYTES } from "./log-buffer.ts";
import { connect } from "./node.ts";
import { startContractServer, viewOf, type FollowSocket } from "./testing/index.ts";
import type { WebSocketConstructor } from "./web-socket.ts";
import { webTransport } from "./web-transport.ts";

const running = viewOf();
const times = { ...running.times, endedAt: "2026-11-23T10:01:00.000Z" };
const ended = viewOf({ state: "completed", reason: "exit", exitCode: 0, times });
const settled: RunView = { ...ended, times: { ...times, settledAt: "2026-11-23T10:01:01.000Z" } };

const answer = (view: RunView) => ({ answer: () => ({ body: view }) });

/** Sends a log from the offset asked for, breaks after `bytesBeforeBreak`, ends well once all was sent. */
function sendLog(log: Uint8Array, how: { bytesBeforeBreak: number; breakWith: (socket: FollowSocket) => void }) {
  return (socket: FollowSocket): void => {
    const from = socket.from ?? log.length;
    socket.send({ type: "run", run: running });
    const until = Math.min(log.length, from + how.bytesBeforeBreak);
    for (let at = from; at < until; at += 100) socket.sendLog(at, log.subarray(at, Math.min(at + 100, until)));
    if (until < log.length) return how.breakWith(socket);
    socket.send({ type: "run", run: ended });
    if (socket.from !== undefined) socket.send({ type: "log-end", lengthBytes: log.length, complete: true });
    socket.send({ type: "run", run: settled });
    socket.close(CloseCode.done);
  };
}

async function readAll(chunks: AsyncIterable<{ bytes: Uint8Array }>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { bytes } of chunks) parts.push(bytes);
  return Buffer.concat(parts);
}

test.each([
  ["a cut connection", 2, (socket: FollowSocket) => socket.cut()],
  ["a server that stops (1001)", 2, (socket: FollowSocket) => socket.close(CloseCode.serverStops)],
  [
    "a close because the reader was slow (4008), which is no break",
    0,
    (socket: FollowSocket) => socket.close(CloseCode.tooSlow),
  ],
  [
    "a failure of the server (4500)",
    2,
    (socket: FollowSocket) => {
      socket.send({ type: "error", error: { code: "log-unavailable", message: "Not now." } });
      socket.close(CloseCode.failed);
    },
  ],
])("a log is read whole and once, through %s", async (_, breaks, breakWith) => {
  const log = randomBytes(1000);
  await using server = await startContractServer({
    ...answer(running),
    follow: sendLog(log, { bytesBeforeBreak: 350, breakWith }),
  });
  const run = await connect(server).run(running.run);
  let retries = 0;
  run.on("retry", () => retries++);
  expect(await readAll(run.logs())).toEqual(log);
  expect(server.sockets.map(({ from }) => from)).toEqual([0, 350, 700]);
  expect(retries).toBe(breaks);
  expect(run.log).toEqual({ lengthBytes: 1000, complete: true });
  expect(await run.result()).toMatchObject({ state: "completed", exitCode: 0 });
});

test("a log begins at the offset asked for, and its iterator returns how it ended", async () => {
  const log = Buffer.from("0123456789");
  await using server = await startContractServer({
    ...answer(running),
    follow: sendLog(log, { bytesBeforeBreak: 100, breakWith: () => undefined }),
  });
  const logs = (await connect(server).run(running.run)).logs({ from: 4 });
  expect(await logs.next()).toMatchObject({ value: { offset: 4, text: "456789" } });
  expect(await logs.next()).toEqual({ done: true, value: { lengthBytes: 10, complete: true } });
});

test("texts join to the text of all bytes, whatever the borders cut", async () => {
  const text = "añ — 🚀 ende";
  const log = Buffer.concat([Buffer.from(text), Buffer.from([0xe2, 0x82])]);
  await using server = await startContractServer({
    ...answer(running),
    follow: (socket) => {
      for (const [offset, byte] of log.entries()) socket.sendLog(offset, Uint8Array.of(byte));
      socket.send({ type: "log-end", lengthBytes: log.length, complete: true });
    },
  });
  let joined = "";
  for await (const chunk of (await connect(server).run(running.run)).logs()) joined += chunk.text;
  expect(joined).toBe(`${text}\uFFFD`);
});

test("bytes that come twice are given once; a gap is tried again, and bytes lost for good show as a jump", async () => {
  await using server = await startContractServer({
    ...answer(running),
    follow: (socket) => {
      socket.sendLog(0, Buffer.from("abcdef"));
      socket.sendLog(3, Buffer.from("defghi"));
      socket.sendLog(12, Buffer.from("mno"));
      socket.send({ type: "log-end", lengthBytes: 15, complete: false, missing: [[9, 12]] });
    },
  });
  const run = await connect(server).run(running.run);
  const seen: [number, string][] = [];
  for await (const { offset, text } of run.logs()) seen.push([offset, text]);
  expect(seen).toEqual([
    [0, "abcdef"],
    [6, "ghi"],
    [12, "mno"],
  ]);
  expect(server.sockets.map(({ from }) => from)).toEqual([0, 9]);
  expect(run.log).toMatchObject({ complete: false, missing: [[9, 12]] });
});

test("breaking out of the loop closes the socket", async () => {
  await using server = await startContractServer({
    ...answer(running),
    follow: (socket) => socket.sendLog(0, Buffer.from("x")),
  });
  for await (const _ of (await connect(server).run(running.run)).logs()) break;
  await server.sockets[0]?.closed;
});

test("one socket carries log and states; it goes on for the states once the log has ended", async () => {
  const log = Buffer.from("all of it");
  const follow = (socket: FollowSocket): void => {
    socket.send({ type: "run", run: running });
    socket.sendLog(0, log);
    socket.send({ type: "run", run: ended });
    socket.send({ type: "log-end", lengthBytes: log.length, complete: true });
    setTimeout(() => socket.send({ type: "run", run: settled }), 100);
  };
  await using server = await startContractServer({ ...answer(viewOf({ state: "pending" })), follow });
  const run = await connect(server).run(running.run);
  const states: string[] = [];
  run.on("state", ({ state }) => states.push(state));
  const all = run.settled();
  const logs = readAll(run.logs());
  expect(await logs).toEqual(log);
  expect((await all).times.settledAt).toBe(settled.times.settledAt);
  expect(states).toEqual(["running", "completed"]);
  expect(server.sockets.map(({ from }) => from)).toEqual([0]);
  await server.sockets[0]?.closed;
});

test("a reader's socket takes the place of one for the states alone", async () => {
  await using server = await startContractServer({
    ...answer(running),
    follow: (socket) => socket.send({ type: "run", run: running }),
  });
  const run = await connect(server).run(running.run);
  run.on("state", () => undefined);
  await expect.poll(() => server.sockets.length).toBe(1);
  const logs = readAll(run.logs());
  await server.sockets[0]?.closed;
  run.close();
  await expect(logs).rejects.toMatchObject({ name: "AbortError" });
  expect(server.sockets.map(({ from }) => from)).toEqual([undefined, 0]);
});

test("a result is awaited without polling, through broken sockets, and leaves nothing open", async () => {
  let breaks = 0;
  await using server = await startContractServer({
    ...answer(running),
    follow: (socket) => {
      socket.send({ type: "run", run: running });
      if (breaks++ < 2) return socket.cut();
      socket.send({ type: "run", run: ended });
    },
  });
  const run = await connect(server).run(running.run);
  expect(await run.result()).toEqual(ended);
  expect(server.requests).toHaveLength(1);
  expect(server.sockets.map(({ from }) => from)).toEqual([undefined, undefined, undefined]);
  await server.sockets[2]?.closed;
});

test("a late view of a server that lags does not undo an end", async () => {
  await using server = await startContractServer({
    ...answer(ended),
    follow: (socket) => {
      socket.send({ type: "run", run: running });
      socket.send({ type: "run", run: settled });
    },
  });
  const run = await connect(server).run(running.run);
  const states: string[] = [];
  run.on("state", ({ state }) => states.push(state));
  await run.settled();
  expect(states).toEqual([]);
});

test("an unknown run or a refused token ends the following with its code, and does not try again", async () => {
  let known = true;
  const unknown = { status: 404, body: { error: { code: "run-unknown", message: "There is no such run." } } };
  await using server = await startContractServer({
    answer: () => (known ? { body: running } : unknown),
    refuseFollow: () => 404,
  });
  const run = await connect(server).run(running.run);
  known = false;
  const errors: string[] = [];
  run.on("error", ({ code }) => errors.push(code)).on("state", () => undefined);
  await expect(run.result()).rejects.toMatchObject({ code: "run-unknown" });
  await expect(readAll(run.logs())).rejects.toMatchObject({ code: "run-unknown" });
  expect(errors).toEqual(["run-unknown", "run-unknown"]);
});

test("a handshake that a proxy refuses for a while is tried again", async () => {
  let refusals = 2;
  await using server = await startContractServer({
    ...answer(running),
    refuseFollow: () => (refusals-- > 0 ? 502 : undefined),
    follow: (socket) => socket.send({ type: "run", run: ended }),
  });
  expect(await (await connect(server).run(running.run)).result()).toEqual(ended);
});

test("a signal ends a wait and a read with its reason, and closes the socket", async () => {
  await using server = await startContractServer({
    ...answer(running),
    follow: (socket) => socket.send({ type: "run", run: running }),
  });
  const run = await connect(server).run(running.run);
  const controller = new AbortController();
  const { signal } = controller;
  const waits = [run.result({ signal }), readAll(run.logs({ signal }))];
  controller.abort(new Error("enough"));
  for (const wait of waits) await expect(wait).rejects.toThrow("enough");
  await Promise.all(server.sockets.map(({ closed }) => closed));
  expect(server.openSockets()).toBe(0);
});

test("close() rejects who waits and leaves nothing open", async () => {
  await using server = await startContractServer({
    ...answer(running),
    follow: (socket) => socket.send({ type: "run", run: running }),
  });
  const run = await connect(server).run(running.run);
  run.on("state", () => undefined);
  const wait = run.result();
  run.close();
  await expect(wait).rejects.toMatchObject({ name: "AbortError" });
  await expect.poll(() => server.openSockets()).toBe(0);
});

test("logs({ live: false }) stops at what there is", async () => {
  await using server = await startContractServer({
    ...answer(running),
    follow: (socket) => {
      socket.sendLog(0, Buffer.from("so far"));
      socket.send({ type: "caught-up", offset: 6 });
    },
  });
  const run = await connect(server).run(running.run);
  expect((await readAll(run.logs({ live: false }))).toString()).toBe("so far");
  expect(run.log).toBeUndefined();
});

/** A global of browsers: it cannot pause. */
const BrowserLikeWebSocket: WebSocketConstructor = class extends WebSocket {
  override pause = undefined as never;
  override resume = undefined as never;
};

test.each([
  ["pauses its socket", undefined],
  ["closes its socket, and opens another at the offset reached, where sockets cannot be paused", BrowserLikeWebSocket],
])("a slow reader %s: nothing is lost, memory stays bounded, states still come", async (_, Socket) => {
  const log = randomBytes(64 * 1024 * 1024);
  const PIECE = 64 * 1024;
  const follow = (socket: FollowSocket): void => {
    socket.send({ type: "run", run: running });
    if (socket.from === undefined) return socket.send({ type: "run", run: ended });
    for (let at = socket.from; at < log.length; at += PIECE) socket.sendLog(at, log.subarray(at, at + PIECE));
    socket.send({ type: "log-end", lengthBytes: log.length, complete: true });
  };
  await using server = await startContractServer({ ...answer(running), follow });
  const platform = Socket === undefined ? undefined : webTransport;
  const jobs =
    platform === undefined
      ? connect(server)
      : new JobsClient({ ...server, WebSocket: Socket as WebSocketConstructor }, platform);
  const run = await jobs.run(running.run);
  const hash = createHash("sha256");
  let isFirst = true;
  for await (const { bytes } of run.logs()) {
    hash.update(bytes);
    if (!isFirst) continue;
    isFirst = false;
    // The log stands still: the state comes over a socket of its own.
    expect((await run.result()).state).toBe("completed");
    expect(server.sockets.map(({ from }) => from)).toEqual([0, undefined]);
    if (Socket === undefined) expect(server.sockets[0]?.bufferedBytes()).toBeGreaterThan(log.length - 16 * FULL_BYTES);
    else await server.sockets[0]?.closed;
  }
  expect(hash.digest("hex")).toBe(createHash("sha256").update(log).digest("hex"));
  const offsets = server.sockets.map(({ from }) => from).filter((from) => from !== undefined);
  if (Socket === undefined) expect(offsets).toEqual([0]);
  else expect(offsets.length).toBeGreaterThan(1);
});

test("the log of a later attempt follows that of the one before, from its beginning, also over a broken connection", async () => {
  let opened = 0;
  await using server = await startContractServer({
    ...answer(running),
    follow(socket) {
      opened++;
      socket.send({ type: "run", run: viewOf() });
      if (opened === 1) {
        socket.sendLog(0, Buffer.from("the first"));
        socket.sendLog(0, Buffer.from("the "), 2);
        return socket.cut();
      }
      socket.sendLog(socket.from ?? 0, Buffer.from("the second").subarray(socket.from), 2);
      socket.send({ type: "log-end", lengthBytes: 10, complete: true });
    },
  });
  const run = await connect(server).run(running.run);
  const texts: string[] = [];
  for await (const { attempt, offset, text } of run.logs()) texts.push(`${attempt}@${offset} ${text}`);
  expect(texts).toEqual(["1@0 the first", "2@0 the ", "2@4 second"]);
  expect(server.sockets.map(({ from, attempt }) => [from, attempt])).toEqual([
    [0, undefined],
    [4, 2],
  ]);
});
