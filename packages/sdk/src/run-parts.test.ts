import { CloseCode, type HostView, type RunView } from "@jobs/core";
import { expect, test } from "vitest";
import { connect } from "./node.ts";
import { startContractServer, viewOf, type FollowSocket } from "./testing/index.ts";

const endedAt = "2026-11-23T10:01:00.000Z";
const { times } = viewOf();
const settledTimes = { ...times, endedAt, settledAt: endedAt };

const whole = (running: number, settled = false): RunView => {
  const hosts = { total: 3, completed: 0, failed: 0, cancelled: 0, skipped: 0, running, notStarted: 3 - running };
  return viewOf({ run: "wholewhole123456", hosts, ...(settled ? { state: "completed", times: settledTimes } : {}) });
};
const partOn = (agent: string, changes: Partial<RunView> = {}): HostView => ({
  agent,
  name: `name of ${agent}`,
  run: viewOf({ run: `partpartpart-${agent}1`.slice(-16), ...changes }),
});

/** A run whose hosts the test changes; each change is told, and listed from then on. */
async function startRun(first: RunView, unanswered = 0) {
  let view = first;
  let hosts: readonly HostView[] = [];
  let left = unanswered;
  const server = await startContractServer({
    answer: ({ path }) => {
      if (!path.endsWith("/hosts")) return { body: view };
      return left-- > 0
        ? { status: 503, body: { error: { code: "store-unavailable", message: "Not now." } } }
        : { body: { hosts } };
    },
    follow: (socket) => tell(socket),
  });
  const tell = (socket: FollowSocket): void => {
    socket.send({ type: "run", run: view });
    if (view.times.settledAt !== undefined) socket.close(CloseCode.done);
  };
  const change = (to: RunView, with_: readonly HostView[]): void => {
    [view, hosts] = [to, with_];
    for (const socket of server.sockets) tell(socket);
  };
  return Object.assign(server, {
    change,
    lists: () => server.requests.filter(({ path }) => path.endsWith("/hosts")).length,
  });
}

test("each host of a run is given once, when the run has begun there, until the run is settled", async () => {
  await using server = await startRun(whole(0));
  const parts = (await connect(server).run(whole(0).run)).parts();
  const first = parts.next();
  await expect.poll(() => server.sockets.length).toBe(1);
  const pending = partOn("b", { state: "pending" });
  server.change(whole(1), [partOn("a"), pending, { agent: "c", name: "c" }]);
  const { value } = await first;
  expect(value).toMatchObject({ agent: "a", name: "name of a", run: { id: partOn("a").run?.run } });
  const rest = Promise.all([parts.next(), parts.next()]);
  const ended = { state: "failed", attempt: 1, times: settledTimes } as const;
  const never = partOn("c", { state: "skipped", times: settledTimes });
  server.change(whole(3, true), [partOn("a", ended), partOn("b", ended), never]);
  expect(await rest).toMatchObject([{ value: { agent: "b" } }, { done: true, value: undefined }]);
  expect(server.sockets).toHaveLength(1);
  await expect.poll(() => server.openSockets()).toBe(0);
});

test("the hosts of a run are listed again after a list that failed, and not without a change", async () => {
  await using server = await startRun(whole(1), 2);
  server.change(whole(1), [partOn("a")]);
  const run = await connect(server).run(whole(1).run);
  const parts = run.parts();
  expect((await parts.next()).value).toMatchObject({ agent: "a" });
  const lists = server.lists();
  expect(lists).toBe(3);
  const next = parts.next();
  await expect.poll(() => server.sockets.length).toBe(1);
  run.close();
  await expect(next).rejects.toMatchObject({ name: "AbortError" });
  expect(server.lists()).toBeLessThanOrEqual(lists + 1); // what the socket tells first
});

test("a run for one host has no parts, and nothing is listed", async () => {
  await using server = await startRun(viewOf({ state: "completed", times: { ...times, endedAt } }));
  const run = await connect(server).run(viewOf().run);
  expect(await run.parts().next()).toEqual({ done: true, value: undefined });
  expect(server.lists()).toBe(0);
});

test("a signal ends the wait for parts with its reason, and no socket stays", async () => {
  await using server = await startRun(whole(0));
  const run = await connect(server).run(whole(0).run);
  const stop = new AbortController();
  const next = run.parts({ signal: stop.signal }).next();
  await expect.poll(() => server.openSockets()).toBe(1);
  stop.abort(new Error("enough"));
  await expect(next).rejects.toThrow("enough");
  await expect.poll(() => server.openSockets()).toBe(0);
});

test("a log is read from an attempt on with those that follow it, also after a break", async () => {
  const seen: unknown[] = [];
  await using server = await startContractServer({
    answer: () => ({ body: viewOf() }),
    follow: (socket) => {
      seen.push([socket.from, socket.attempt, socket.only]);
      if (seen.length === 1) {
        socket.sendLog(0, Buffer.from("one"), 1);
        socket.sendLog(0, Buffer.from("tw"), 2);
        return socket.cut();
      }
      socket.sendLog(2, Buffer.from("o"), 2);
      socket.send({ type: "log-end", lengthBytes: 3, complete: true });
    },
  });
  let text = "";
  for await (const chunk of (await connect(server).run(viewOf().run)).logs({ fromAttempt: 1 })) text += chunk.text;
  expect(text).toBe("onetwo");
  expect(seen).toEqual([
    [0, 1, false],
    [2, 2, false],
  ]);
});
