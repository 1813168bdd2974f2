import { randomUUID } from "node:crypto";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Beat, JobsError, type Licence } from "@jobs/core";
import { AgentBeats, connectNats, ensureTopology, type NatsLink, type WriteOutcome } from "@jobs/core/jetstream";
import { startNats, type NatsFixture } from "@jobs/core/testing";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { BeatChain } from "./beat-chain.ts";
import { SessionFile, type SessionState } from "./session-file.ts";

const MINUTE_MS = 60_000;

test("a first agent begins the chain, and an acknowledged beat is a licence", async () => {
  await using host = await BeatHost.open();
  const agent = await host.agent("one");
  expect(await host.last()).toMatchObject({ beat: { session: "one", number: 1 } });
  expect(agent.hasLive(await host.licence())).toBe(true);
  await agent.beat();
  expect(await host.last()).toMatchObject({ beat: { session: "one", number: 2 } });
});

test("each beat says what the wall clock of the host showed when it was sent", async () => {
  await using host = await BeatHost.open();
  const agent = await host.agent("one");
  expect(await host.last()).toMatchObject({ beat: { sentAt: "1970-01-01T00:00:00.000Z" } });
  host.wallMs += MINUTE_MS;
  await agent.beat();
  expect(await host.last()).toMatchObject({ beat: { sentAt: "1970-01-01T00:01:00.000Z" } });
});

test("an agent that stops says so in a last beat, which lists what its host holds", async () => {
  await using host = await BeatHost.open();
  const one = await host.agent("one");
  expect((await host.last())!.beat.isLeaving).toBeUndefined();
  await one.chain.leave();
  expect(await host.last()).toMatchObject({ beat: { session: "one", number: 2, isLeaving: true, held: [] } });
  await one.chain.leave();
  expect(await host.last()).toMatchObject({ beat: { session: "one", number: 2 } });
  await host.agent("two");
  expect((await host.last())!.beat).toMatchObject({ session: "two", number: 1 });
  expect((await host.last())!.beat.isLeaving).toBeUndefined();
});

test("an agent that stops while a beat is on its way says so in the next one", async () => {
  await using host = await BeatHost.open();
  const one = await host.agent("one");
  await new Promise<void>((resolve) => {
    one.beats.onStored = () => resolve(one.chain.leave());
    one.chain.beatNow();
  });
  expect(await host.last()).toMatchObject({ beat: { session: "one", number: 3, isLeaving: true } });
});

test("an agent that cannot say that it stops, or has not begun, stops all the same", async () => {
  await using host = await BeatHost.open();
  const one = await host.agent("one");
  one.beats.isCut = true;
  await one.chain.leave();
  await host.build("two").chain.leave();
  expect(await host.last()).toMatchObject({ beat: { session: "one", number: 1 } });
});

test("an agent that starts again goes on with the chain, under a higher licence", async () => {
  await using host = await BeatHost.open();
  const one = await host.agent("one");
  await one.beat();
  await one.stop();
  const first = await host.licence();
  const two = await host.agent("two");
  expect(await host.last()).toMatchObject({ beat: { session: "two", number: 1 } });
  const second = await host.licence();
  expect(second.number).toBeGreaterThan(first.number);
  expect(two.hasLive(second)).toBe(true);
  expect(two.hasLive(first)).toBe(false);
});

test("an agent that was killed before it noted its last beat knows it for its own", async () => {
  await using host = await BeatHost.open();
  const one = await host.agent("one");
  await one.beat();
  await one.stop();
  await host.publishNext();
  await host.agent("two");
  expect(await host.last()).toMatchObject({ beat: { session: "two", number: 1 } });
});

test("an agent that is killed again and again before it hears of its first beat knows each of them for its own", async () => {
  await using host = await BeatHost.open();
  const one = await host.agent("one");
  await one.beat();
  await one.stop();
  const last = await host.last();
  // Of each session the first beat is sent, and on its way as it is killed.
  for (const session of ["two", "three"]) {
    const killed = host.build(session);
    killed.beats.isCut = true;
    await killed.chain.start();
    await killed.stop();
  }
  await host.publish({ ...last!.beat, session: "two", number: 1 }, last!.sequence);
  const four = host.build("four");
  four.beats.isCut = true;
  await four.chain.start();
  await four.stop();
  const five = await host.agent("five");
  expect(await host.last()).toMatchObject({ beat: { session: "five", number: 1 } });
  expect(five.broken).toBeUndefined();
});

test("of sessions before one that was acknowledged no beat is known any more", async () => {
  await using host = await BeatHost.open();
  const one = await host.agent("one");
  await one.beat();
  await one.stop();
  const old = await host.last();
  const two = await host.agent("two");
  await two.stop();
  const stored = await host.last();
  await host.publish({ ...old!.beat, number: old!.beat.number + 1 }, stored!.sequence);
  await expect(host.agent("three")).rejects.toMatchObject({ code: "agent-stopped" });
});

test("a lost acknowledgement is found out, and the chain goes on", async () => {
  await using host = await BeatHost.open();
  const agent = await host.agent("one");
  await agent.loseAnswers(2);
  expect(await host.last()).toMatchObject({ beat: { session: "one", number: 2 } });
  await agent.beat(3);
  expect(await host.last()).toMatchObject({ beat: { session: "one", number: 3 } });
  expect(agent.broken).toBeUndefined();
});

test("a beat of this session and number that has no nonce is this agent's own", async () => {
  await using host = await BeatHost.open();
  const agent = await host.agent("one");
  await host.publishNext();
  await agent.beat(3);
  expect(await host.last()).toMatchObject({ beat: { session: "one", number: 3 } });
  expect(agent.broken).toBeUndefined();
});

test("a beat whose acknowledgement was lost for long is a licence from when it was sent, not from when that was found out", async () => {
  await using host = await BeatHost.open();
  const agent = await host.agent("one");
  const licence = await host.licence();
  agent.beats.losesAnswers = true;
  const sentAtMs = host.nowMs;
  await agent.beats.next(() => agent.chain.beatNow());
  host.nowMs += 10 * MINUTE_MS;
  await agent.beats.next(() => agent.chain.beatNow());
  agent.beats.losesAnswers = false;
  await vi.waitFor(() => expect(agent.acknowledged.length).toBeGreaterThan(2), 10_000);
  expect(agent.acknowledged[1]).toBe(sentAtMs);
  expect(agent.hasLive(licence)).toBe(false);
  expect((await host.licence()).number).toBeGreaterThan(licence.number);
});

test("a nats-server that lost its memory gets a new chain from the same session", async () => {
  await using host = await BeatHost.open();
  const agent = await host.agent("one");
  for (let number = 2; number < 5; number++) await agent.beat();
  await host.loseMemory();
  await vi.waitFor(() => expect(agent.begun).toBe(1), 15_000);
  const last = await host.last();
  expect(last).toMatchObject({ beat: { session: "one" } });
  expect(last!.beat.number).toBeGreaterThan(4);
  await agent.stop();
  await host.agent("two");
  expect(await host.last()).toMatchObject({ beat: { session: "two" } });
});

test("what changes before the chain is joined sends no beat, and takes no earlier one for another agent's", async () => {
  await using host = await BeatHost.open();
  await (await host.agent("one")).stop();
  const two = host.build("two");
  let answer: () => void = () => undefined;
  two.beats.beforeLast = new Promise((resolve) => (answer = resolve));
  const started = two.chain.start();
  two.chain.beatNow();
  for (let turn = 0; turn < 20; turn++) await host.last();
  expect(two.beats.sent).toBe(0);
  answer();
  await started;
  expect(two.broken).toBeUndefined();
  expect(await host.last()).toMatchObject({ beat: { session: "two", number: 1 } });
});

test("nats-servers that lost acknowledged beats are followed from the beat of an earlier session that they still have", async () => {
  await using host = await BeatHost.open();
  const one = await host.agent("one");
  const old = await host.last();
  await one.beat();
  await one.stop();
  const two = await host.agent("two");
  await two.beat();
  two.beats.isCut = true;
  await host.loseAllBut(old!.beat);
  two.beats.isCut = false;
  await two.beat();
  expect(await host.last()).toMatchObject({ beat: { session: "two", number: 3 } });
  expect([two.broken, two.begun]).toEqual([undefined, 1]);
});

test("an agent that starts again goes on when the nats-servers lost all beats but one of an earlier session", async () => {
  await using host = await BeatHost.open();
  const old = await host.last("one");
  for (const session of ["two", "three"]) await host.last(session);
  await host.loseAllBut(old!.beat);
  const four = await host.agent("four");
  await four.beat();
  expect(await host.last()).toMatchObject({ beat: { session: "four", number: 2 } });
});

test("of a host and its clone exactly one goes on", async () => {
  await using host = await BeatHost.open();
  const original = await host.agent("one");
  const cloned = join(host.folder, "clone");
  await cp(host.stateDir, cloned, { recursive: true });
  await original.beat();
  await original.beat();
  await expect(host.agent("two", cloned)).rejects.toMatchObject({ code: "agent-stopped" });
  await original.beat();
  expect(original.broken).toBeUndefined();
});

test("a clone that is the first to beat stops the original", async () => {
  await using host = await BeatHost.open();
  const original = await host.agent("one");
  const cloned = join(host.folder, "clone");
  await cp(host.stateDir, cloned, { recursive: true });
  const clone = await host.agent("two", cloned);
  original.chain.beatNow();
  await vi.waitFor(() => expect(original.broken?.code).toBe("agent-stopped"), 10_000);
  await clone.beat();
  expect(clone.broken).toBeUndefined();
});

test("of a host that was cloned while it ran exactly one goes on, and the other has no licence any more", async () => {
  await using host = await BeatHost.open();
  const original = await host.agent("one");
  const twin = await host.twin("one");
  const licence = await host.licence();
  expect([original.hasLive(licence), twin.hasLive(licence)]).toEqual([true, true]);
  await original.beat();
  twin.chain.beatNow();
  await vi.waitFor(() => expect(twin.broken?.code).toBe("agent-stopped"), 10_000);
  expect(twin.hasLive(licence)).toBe(false);
  expect(twin.acknowledged).toHaveLength(1);
  for (let round = 0; round < 3; round++) await original.beat();
  expect(original.broken).toBeUndefined();
  expect(original.hasLive(licence)).toBe(true);
});

test("a twin that is the first to beat stops the original, also when the original's acknowledgements were lost", async () => {
  await using host = await BeatHost.open();
  const original = await host.agent("one");
  const twin = await host.twin("one");
  await twin.beat();
  await original.loseAnswers(2);
  original.chain.beatNow();
  await vi.waitFor(() => expect(original.broken?.code).toBe("agent-stopped"), 10_000);
  expect(original.hasLive(await host.licence())).toBe(false);
  await twin.beat();
  expect(twin.broken).toBeUndefined();
});

test.each([
  ["is ahead", 3],
  ["is behind, and beat after this one's last", 1],
])("a twin that %s is not taken for this agent", async (_, number) => {
  await using host = await BeatHost.open();
  const agent = await host.agent("one");
  await agent.beat();
  const { beat, sequence } = (await host.last())!;
  if (number > beat.number) await host.publish({ ...beat, number: beat.number + 1, nonce: "a twin's" }, sequence);
  const before = (await host.last())!;
  await host.publish(
    { ...beat, number: number > beat.number ? beat.number + 2 : number, nonce: "a twin's" },
    before.sequence,
  );
  agent.chain.beatNow();
  await vi.waitFor(() => expect(agent.broken?.code).toBe("agent-stopped"), 10_000);
});

test("a restored older disk stops", async () => {
  await using host = await BeatHost.open();
  const backup = join(host.folder, "backup");
  const one = await host.agent("one");
  await cp(host.stateDir, backup, { recursive: true });
  for (let number = 2; number < 5; number++) await one.beat();
  await one.stop();
  await expect(host.agent("two", backup)).rejects.toThrow(JobsError);
});

test("a licence lapses when no beat is acknowledged for a minute, and never revives", async () => {
  await using host = await BeatHost.open();
  const agent = await host.agent("one");
  const licence = await host.licence();
  agent.beats.isCut = true;
  host.nowMs += MINUTE_MS - 1;
  expect(agent.hasLive(licence)).toBe(true);
  host.nowMs += 1;
  expect(agent.hasLive(licence)).toBe(false);
  agent.beats.isCut = false;
  await agent.beat();
  const next = await host.licence();
  expect(next.number).toBeGreaterThan(licence.number);
  expect(agent.hasLive(next)).toBe(true);
  expect(agent.hasLive(licence)).toBe(false);
});

test("a licence that lapsed while its beat was on the way does not revive", async () => {
  await using host = await BeatHost.open();
  const agent = await host.agent("one");
  const licence = await host.licence();
  agent.beats.onStored = () => (host.nowMs += MINUTE_MS);
  await agent.beat();
  agent.beats.onStored = () => undefined;
  expect(agent.hasLive(licence)).toBe(false);
  await agent.beat();
  expect(agent.hasLive(licence)).toBe(false);
  expect((await host.licence()).number).toBe(licence.number + 1);
});

test("no beat follows one that could not be saved, and a restart in this state goes on with the chain", async () => {
  await using host = await BeatHost.open();
  const agent = await host.agent("one");
  agent.file.isFull = true;
  await agent.beat();
  for (let tries = 0; tries < 2; tries++) await agent.file.nextRefusal(() => agent.chain.beatNow());
  expect(await host.last()).toMatchObject({ beat: { number: 2 } });
  expect(agent.errors).toHaveLength(1);
  await agent.stop();
  const next = await host.agent("two");
  expect(await host.last()).toMatchObject({ beat: { session: "two", number: 1 } });
  next.file.isFull = true;
  await next.beat();
  next.file.isFull = false;
  await next.beat();
  expect(await host.last()).toMatchObject({ beat: { session: "two", number: 3 } });
});

test("no beat is sent while none may be, the licence lapses, and the next beat comes by itself", async () => {
  await using host = await BeatHost.open();
  const agent = await host.agent("one");
  const licence = await host.licence();
  agent.mayBeat = false;
  let asked = 0;
  agent.onAsked = () => asked++;
  agent.chain.beatNow();
  await vi.waitFor(() => expect(asked).toBeGreaterThan(1), 10_000);
  expect(agent.beats.sent).toBe(1);
  host.nowMs += MINUTE_MS;
  expect(agent.hasLive(licence)).toBe(false);
  agent.mayBeat = true;
  await vi.waitFor(async () => expect(await host.last()).toMatchObject({ beat: { number: 2 } }), 10_000);
  expect((await host.licence()).number).toBe(licence.number + 1);
});

test("the answer of a replica that lags is no other agent's beat", async () => {
  await using host = await BeatHost.open();
  const one = await host.agent("one");
  const old = await host.last();
  await one.beat();
  await one.stop();
  // At the start …
  const lagging = host.build("two");
  lagging.beats.oldReads = [old, old];
  await lagging.chain.start();
  expect(await host.last()).toMatchObject({ beat: { session: "two", number: 1 } });
  // … and after a lost acknowledgement.
  await lagging.loseAnswers(1);
  lagging.beats.oldReads = [old, undefined, old];
  await lagging.beat(3);
  expect(lagging.broken).toBeUndefined();
  expect(lagging.begun).toBe(0);
  expect(lagging.beats.oldReads).toEqual([]);
});

test("an empty answer of a replica that lags at the start does not break the chain", async () => {
  await using host = await BeatHost.open();
  const one = await host.agent("one");
  await one.stop();
  const lagging = host.build("two");
  lagging.beats.oldReads = [undefined];
  await lagging.chain.start();
  await vi.waitFor(async () => expect(await host.last()).toMatchObject({ beat: { session: "two" } }), 10_000);
  expect(lagging.broken).toBeUndefined();
});

/** The beats of an agent, with faults between it and the nats-server. */
class FaultyBeats extends AgentBeats {
  isCut = false;
  losesAnswers = false;
  /** What the next beat is answered with, without being sent. */
  pretended: WriteOutcome | undefined;
  /** Answers of a replica that lags, given before true ones. */
  oldReads: ({ beat: Beat; sequence: number } | undefined)[] = [];
  onStored: () => void = () => undefined;
  /** How many were sent. */
  sent = 0;
  /** No answer comes before it. */
  beforeLast: Promise<void> = Promise.resolve();
  #onBeat: () => void = () => undefined;

  override async beat(beat: Beat, previous: number): Promise<WriteOutcome> {
    const cut = { kind: "unknown", cause: new Error("cut") } as const;
    this.sent++;
    if (this.isCut) return cut;
    const { pretended } = this;
    this.pretended = undefined;
    if (pretended !== undefined) return pretended;
    const outcome = await super.beat(beat, previous);
    if (outcome.kind === "stored") this.onStored();
    this.#onBeat();
    return this.losesAnswers ? cut : outcome;
  }

  override async last(): Promise<{ beat: Beat; sequence: number } | undefined> {
    await this.beforeLast;
    return this.oldReads.length > 0 ? this.oldReads.shift() : super.last();
  }

  /** Resolves when the next beat was answered. */
  async next(cause: () => void): Promise<void> {
    const answered = new Promise<void>((resolve) => (this.#onBeat = resolve));
    cause();
    await answered;
  }
}

/** A disk that can be full. */
class FullableFile extends SessionFile {
  isFull = false;
  #saving: Promise<void> = Promise.resolve();
  #onRefused: () => void = () => undefined;

  override async save(state: SessionState): Promise<void> {
    if (!this.isFull) {
      this.#saving = super.save(state);
      return this.#saving;
    }
    this.#onRefused();
    throw new Error("no space left on device");
  }

  /** Resolves when nothing is being saved. */
  settled(): Promise<void> {
    return this.#saving;
  }

  async nextRefusal(cause: () => void): Promise<void> {
    const refused = new Promise<void>((resolve) => (this.#onRefused = resolve));
    cause();
    await refused;
  }
}

/** One agent's chain, and what it told. */
class ChainedAgent {
  readonly chain: BeatChain;
  readonly beats: FaultyBeats;
  readonly file: FullableFile;
  readonly acknowledged: number[] = [];
  readonly errors: string[] = [];
  mayBeat = true;
  onAsked: () => void = () => undefined;
  begun = 0;
  broken: JobsError | undefined;
  #onAcknowledged: () => void = () => undefined;

  constructor(host: BeatHost, { session, stateDir }: { session: string; stateDir: string }) {
    this.beats = new FaultyBeats(host.link, "agent-a");
    this.file = new FullableFile(stateDir, "agent-a");
    this.chain = new BeatChain({
      beats: this.beats,
      file: this.file,
      session,
      bootClockMs: () => host.nowMs,
      nowMs: () => host.wallMs,
      nonce: randomUUID,
      held: () => [],
      isInboxReachable: () => true,
      mayBeat: () => {
        this.onAsked();
        return this.mayBeat;
      },
      onAcknowledged: (sentAtBootMs) => {
        this.acknowledged.push(sentAtBootMs);
        this.#onAcknowledged();
      },
      onBroken: (error) => (this.broken = error),
      onChainBegun: () => this.begun++,
      log: pino({ level: "error" }, { write: (line: string) => this.errors.push(line) }),
    });
  }

  /** Beats, and resolves when so many beats in all were acknowledged. */
  async beat(count = this.acknowledged.length + 1): Promise<void> {
    while (this.acknowledged.length < count) {
      const acknowledged = new Promise<void>((resolve) => (this.#onAcknowledged = resolve));
      this.chain.beatNow();
      await acknowledged;
    }
    await this.file.settled();
  }

  /** Beats so often without hearing that it was stored. */
  async loseAnswers(times: number): Promise<void> {
    this.beats.losesAnswers = true;
    for (let time = 0; time < times; time++) await this.beats.next(() => this.chain.beatNow());
    this.beats.losesAnswers = false;
  }

  /** Ends it as a kill would, between two beats. */
  async stop(): Promise<void> {
    this.chain.stop();
    await this.file.settled();
  }

  hasLive(licence: Licence): boolean {
    return this.chain.findLiveLicence(licence) !== undefined;
  }
}

/** A state folder, a boot clock and a nats-server. */
class BeatHost {
  nowMs = 1_000_000;
  wallMs = 0;
  readonly folder: string;
  readonly stateDir: string;
  readonly link: NatsLink;
  readonly #nats: NatsFixture;
  readonly #beats: AgentBeats;
  readonly #agents: ChainedAgent[] = [];

  private constructor(nats: NatsFixture, link: NatsLink, folder: string) {
    this.#nats = nats;
    this.link = link;
    this.folder = folder;
    this.stateDir = join(folder, "state");
    this.#beats = new AgentBeats(link, "agent-a");
  }

  static async open(): Promise<BeatHost> {
    const nats = await startNats();
    const link = await connectNats({ url: nats.url, name: "test" });
    await ensureTopology(link, () => 1);
    const host = new BeatHost(nats, link, await mkdtemp(join(tmpdir(), "jobs-beats-")));
    await mkdir(host.stateDir);
    return host;
  }

  build(session: string, stateDir = this.stateDir): ChainedAgent {
    const agent = new ChainedAgent(this, { session, stateDir });
    this.#agents.push(agent);
    return agent;
  }

  async agent(session: string, stateDir = this.stateDir): Promise<ChainedAgent> {
    const agent = this.build(session, stateDir);
    await agent.chain.start();
    return agent;
  }

  /** What an agent's memory was when it had sent its first beat, in a machine of its own. */
  async twin(session: string): Promise<ChainedAgent> {
    const { sequence } = (await this.last())!;
    const stateDir = join(this.folder, "twin");
    await mkdir(stateDir);
    const twin = this.build(session, stateDir);
    twin.beats.oldReads = [undefined];
    twin.beats.pretended = { kind: "stored", sequence };
    await twin.chain.start();
    return twin;
  }

  /** The last stored beat; of an agent that beats once in this session, and is killed, when one is given. */
  async last(session?: string): Promise<{ beat: Beat; sequence: number } | undefined> {
    if (session !== undefined) await (await this.agent(session)).stop();
    return this.#beats.last();
  }

  async licence(): Promise<Licence> {
    return (await this.last())!.beat.licence;
  }

  /** Stores the next beat of the chain behind the agent's back, as if its acknowledgement had been lost. */
  async publishNext(): Promise<void> {
    const { beat, sequence } = (await this.last())!;
    const { nonce: _, ...next } = beat;
    await this.publish({ ...next, number: beat.number + 1 }, sequence);
  }

  async publish(beat: Beat, previous: number): Promise<void> {
    expect(await this.#beats.beat(beat, previous)).toMatchObject({ kind: "stored" });
  }

  async loseMemory(): Promise<void> {
    await this.#nats.nodes[0]!.kill("SIGKILL");
    await this.#nats.nodes[0]!.start();
    await vi.waitFor(() => ensureTopology(this.link, () => 1), 15_000);
  }

  /** What a cluster has after its members were killed one after the other: an old beat. */
  async loseAllBut(beat: Beat): Promise<void> {
    await this.loseMemory();
    await this.publish(beat, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents) await agent.stop();
    await this.link.connection.close();
    await this.#nats[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true });
  }
}
