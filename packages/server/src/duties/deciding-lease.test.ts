import { BeatStore, connectNats, ensureTopology } from "@jobs/core/jetstream";
import { startNats } from "@jobs/core/testing";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { DecidingLease } from "./deciding-lease.ts";

const LEASE = "srv.lease";
const WAIT = { timeout: 10_000, interval: 10 };

/** A server's lease on a nats-server that can be stopped; the lease's clock stands still unless it is put on. */
async function startLease({ refused = 0 } = {}) {
  const nats = await startNats();
  const link = await connectNats({ url: nats.url, name: "test" });
  const { connection } = link;
  const request = connection.request.bind(connection);
  connection.request = (subject, ...more) =>
    request(subject === LEASE && refused-- > 0 ? "nobody.answers" : subject, ...more);
  await ensureTopology(link, () => 1);
  const beats = new BeatStore(link);
  const happened: string[] = [];
  const clock = { ms: 0, reads: 0 };
  let isFit = true;
  const lease = new DecidingLease({
    beats,
    server: "one",
    monotonicMs: () => {
      clock.reads++;
      return clock.ms;
    },
    log: pino({ level: "silent" }),
    isFit: () => isFit,
    onGained: () => void happened.push("gained"),
    onLost: () => void happened.push("lost"),
    onOwnRenewal: () => undefined,
  });
  const watch = beats.watch({
    onBeat: () => undefined,
    onHost: () => undefined,
    onLease: (one, sequence) => {
      happened.push(`${one.server === "" ? "nobody" : one.server}, term ${one.term}`);
      lease.onLease(one, sequence);
    },
    onReady: () => undefined,
    onReset: () => lease.reset(),
    onError: () => undefined,
  });
  await lease.start();
  const [node] = nats.nodes;
  if (node === undefined) throw new Error("it has a node");
  return {
    lease,
    link,
    node,
    clock,
    happened,
    isUnfit: () => void (isFit = false),
    [Symbol.asyncDispose]: async () => {
      await lease.stop();
      await watch.stop();
      await link.connection.close();
      await nats[Symbol.asyncDispose]();
    },
  };
}

/** The lease lapses while a renewal is on its way; that one is stored afterwards. */
async function lapseBeforeItsRenewal(
  { node, clock, happened }: Awaited<ReturnType<typeof startLease>>,
  meanwhile: () => void = () => undefined,
): Promise<void> {
  await vi.waitFor(() => expect(happened).toContain("one, term 1"), WAIT);
  await node.kill("SIGSTOP");
  const { reads } = clock;
  await vi.waitFor(() => expect(clock.reads).toBeGreaterThan(reads), WAIT); // it renews
  clock.ms = 5_000;
  meanwhile();
  await vi.waitFor(() => expect(happened).toContain("lost"), WAIT);
  happened.splice(0);
  await node.kill("SIGCONT");
  await vi.waitFor(() => expect(happened[0]).toBe("one, term 1"), WAIT);
}

test("a renewal that is stored after the lease was given up is no lease that nobody holds: it is taken again", async () => {
  await using started = await startLease();
  await lapseBeforeItsRenewal(started);
  await vi.waitFor(() => expect(started.happened).toContain("gained"), WAIT);
  expect(started.lease.isHeld).toBe(true);
});

test("a renewal that is stored after the lease was given up is handed over by a server that may not decide", async () => {
  await using started = await startLease();
  await lapseBeforeItsRenewal(started, started.isUnfit);
  await vi.waitFor(() => expect(started.happened).toContain("nobody, term 2"), WAIT);
  expect(started.lease.isHeld).toBe(false);
});

test("a renewal of unknown outcome is sent again soon: ten of them do not wait for ten turns", async () => {
  await using started = await startLease({ refused: 10 });
  await vi.waitFor(() => expect(started.happened).toContain("gained"), { timeout: 3_000 });
});

test("who waits for a server that decides no more is told; what that one still answers is taken", async () => {
  await using started = await startLease();
  const { lease, link, happened } = started;
  await vi.waitFor(() => expect(happened).toContain("gained"), WAIT);
  let answer: (text: string) => void = () => undefined;
  const lastWords = lease.whileHeldBy("one", new Promise<string>((resolve) => (answer = resolve)));
  const unanswered = lease.whileHeldBy("one", new Promise<never>(() => undefined));
  const givenUp = expect(unanswered).rejects.toMatchObject({ code: "no-deciding-server" });
  expect(await lease.whileHeldBy("one", Promise.resolve("carried out"))).toBe("carried out");
  await link.js.publish(LEASE, JSON.stringify({ v: 1, server: "two", term: 2 }));
  await vi.waitFor(() => expect(happened).toContain("lost"), { timeout: 10_000, interval: 1 });
  answer("carried out");
  expect(await lastWords).toBe("carried out");
  await givenUp;
});
