import { randomBytes } from "node:crypto";
import { CloseCode, type RunView } from "@jobs/core";
import { expect, test } from "vitest";
import { FULL_BYTES } from "./log-buffer.ts";
import { connect } from "./node.ts";
import { startContractServer, viewOf } from "./testing/index.ts";

const running = viewOf();
const settled = viewOf({
  state: "completed",
  times: { ...running.times, endedAt: "2026-11-23T10:01:00.000Z", settledAt: "2026-11-23T10:01:01.000Z" },
});

const answer = (view: RunView) => ({ answer: () => ({ body: view }) });

test("logs({ live: false }) ends where the log may still grow, and says how it ended only when it was told", async () => {
  const end = { lengthBytes: 6, complete: false } as const;
  const endOf = async (view: RunView): Promise<unknown> => {
    await using server = await startContractServer({
      ...answer(view),
      follow: (socket) => {
        socket.sendLog(0, Buffer.from("so far"), 1);
        socket.send({ type: "caught-up", offset: 6 }); // older servers say so of a settled run, too
        if (view === whole) socket.send({ type: "log-end", ...end });
      },
    });
    const logs = (await connect(server).run(running.run)).logs({ live: false });
    await logs.next();
    return (await logs.next()).value;
  };
  const output = { location: "x", log: { lengthBytes: 99, complete: true }, artifacts: [] };
  const whole = { ...settled, output };
  expect(await endOf({ ...running, output })).toBeUndefined();
  expect(await endOf(whole)).toEqual(end);
});

test("a frame of bytes that is of another kind, or too short to be one, is left alone", async () => {
  await using server = await startContractServer({
    ...answer(settled),
    follow: (socket) => {
      for (const frame of [new Uint8Array(16), new Uint8Array(3), new Uint8Array()]) socket.sendBytes(frame);
      socket.sendLog(0, Buffer.from("log"), 1);
      socket.send({ type: "log-end", lengthBytes: 3, complete: true });
    },
  });
  const logs = (await connect(server).run(running.run)).logs();
  expect((await logs.next()).value).toMatchObject({ offset: 0, text: "log" });
  expect(await logs.next()).toMatchObject({ done: true, value: { complete: true } });
  expect(server.sockets).toHaveLength(1);
});

test("an attempt that never was is an error that names what is wrong", async () => {
  const error = { code: "invalid-request", message: "Run x has no attempt 9.", field: "attempt" };
  await using server = await startContractServer({
    ...answer(settled),
    follow: (socket) => {
      socket.send({ type: "error", error });
      socket.close(CloseCode.failed);
    },
  });
  const run = await connect(server).run(running.run);
  await expect(run.logs({ attempt: 9 }).next()).rejects.toMatchObject(error);
  expect(server.sockets).toHaveLength(1);
});

test.each(["before it has stopped reading", "while it does not read"])(
  "who reads slowly is told of no break when the server cuts it off %s, but of the next one",
  async (when) => {
    const PIECE = 64 * 1024;
    const log = randomBytes(FULL_BYTES + 10 * PIECE);
    const isLogs = ({ from }: { from: number | undefined }): boolean => from !== undefined;
    await using server = await startContractServer({
      ...answer(running),
      follow: (socket) => {
        socket.send({ type: "run", run: running });
        // It opens one for the states alone once it does not read that of the log.
        if (socket.from === undefined) return server.sockets[0]?.close(CloseCode.serverStops);
        const opened = server.sockets.filter(isLogs).length;
        const until = [FULL_BYTES + PIECE, FULL_BYTES + 4 * PIECE][opened - 1] ?? log.length;
        for (let at = socket.from; at < until; at += PIECE) socket.sendLog(at, log.subarray(at, at + PIECE));
        if (until === log.length) return socket.send({ type: "log-end", lengthBytes: log.length, complete: true });
        if (opened > 1 || when.startsWith("before")) socket.close(CloseCode.serverStops);
      },
    });
    const run = await connect(server).run(running.run);
    const retriesAt: number[] = [];
    let read = 0;
    run.on("state", () => undefined).on("retry", () => retriesAt.push(server.sockets.filter(isLogs).length));
    for await (const { offset, bytes } of run.logs()) {
      expect(offset).toBe(read);
      read += bytes.length;
      if (offset > 0) continue;
      await expect.poll(() => server.sockets.some((socket) => !isLogs(socket))).toBe(true);
      expect(server.sockets.filter(isLogs)).toHaveLength(1);
    }
    run.close();
    expect(read).toBe(log.length);
    expect(retriesAt).toEqual([2]);
  },
);
