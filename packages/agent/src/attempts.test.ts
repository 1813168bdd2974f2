import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Evidence, StartMessage } from "@jobs/core";
import { connectNats, ensureTopology, EvidenceStore, LogStore, type NatsLink } from "@jobs/core/jetstream";
import { startNats, type NatsFixture } from "@jobs/core/testing";
import { pino } from "pino";
import { beforeAll, expect, test } from "vitest";
import { Attempts } from "./attempts.ts";
import { SupervisorLink } from "./supervisor-link.ts";
import { AttemptFolder } from "./supervisor/attempt-folder.ts";
import { bootClockMs } from "./supervisor/boot-clock.ts";
import type { SupervisorClient } from "./supervisor/client.ts";
import type { AttemptSpec } from "./supervisor/protocol.ts";
import { buildSupervisorBundle } from "./supervisor/testing/supervised-host.ts";

beforeAll(buildSupervisorBundle, 30_000);

test("a start under a licence that is over, or another one, is refused for good, and that is told", async () => {
  await using host = await AgentHost.open();
  const { attempts } = host;
  attempts.onMessage(host.startMessage({ licence: { session: "session", number: 0 } }));
  const refused = await host.evidence(({ phase }) => phase === "refused");
  expect(refused.refusal?.code).toBe("no-licence");
  expect(attempts.held()).toEqual([{ job: "job", run: "run00001", attempt: 1, isOver: true, isRefused: true }]);
  // It was journaled: the right licence does not help it any more, also not after a restart of the agent.
  await host.restart();
  host.attempts.onMessage(host.startMessage());
  const again = await host.evidence(({ session }) => session === "session-2");
  expect([again.phase, again.refusal?.code]).toEqual(["refused", "no-licence"]);
});

test("a start that comes again is answered, and started once", async () => {
  await using host = await AgentHost.open();
  const starts = join(host.stateDir, "starts");
  const message = host.startMessage({}, `echo started >> ${starts}\n`);
  host.attempts.onMessage(message);
  host.attempts.onMessage(message);
  const { revision } = await host.evidence(({ phase }) => phase === "exited");
  host.attempts.onMessage(message);
  const again = await host.evidence((evidence) => evidence.revision > revision && evidence.artifacts !== undefined);
  expect([again.phase, again.exit?.exitCode]).toEqual(["exited", 0]);
  expect(await readFile(starts, "utf8")).toBe("started\n");
});

test.each([true, undefined])(
  "no start before its instant; the supervisor holds starts back: %s",
  async (holdsStarts) => {
    await using host = await AgentHost.open();
    host.holdsStarts = holdsStarts;
    const sentMs = Date.now();
    const [sentAt, startAt] = [0, 700].map((ms) => new Date(sentMs + ms).toISOString());
    const proof = join(host.stateDir, "started");
    host.attempts.onMessage(host.startMessage({ sentAt, startAt }, `date +%s%3N > ${proof}\n`));
    expect(host.attempts.held()).toHaveLength(1);
    await host.evidence(({ phase }) => phase === "exited");
    expect(Number(await readFile(proof, "utf8"))).toBeGreaterThanOrEqual(sentMs + 700);
  },
);

test("how far this host's clock is ahead of the server's is told with a start, once it is known", async () => {
  await using host = await AgentHost.open();
  host.attempts.onMessage(host.startMessage({ run: "run00001" }));
  const { startedAt, clockAheadMs } = await host.evidence(({ phase }) => phase === "exited");
  expect([typeof startedAt, clockAheadMs]).toEqual(["string", undefined]);
  const sentAt = new Date(Date.now() - 3_600_000).toISOString();
  host.attempts.onMessage(host.startMessage({ run: "run00002", fence: { epoch: "e1", sequence: 2 }, sentAt }));
  const told = await host.evidence(({ run, phase }) => run === "run00002" && phase === "exited");
  expect(told.clockAheadMs).toBeGreaterThanOrEqual(3_600_000);
  expect(told.clockAheadMs).toBeLessThan(3_600_000 + 60_000);
});

test("nothing is said before it may be, then all of it", async () => {
  await using host = await AgentHost.open();
  host.maySpeak = false;
  host.attempts.onMessage(host.startMessage());
  await expect.poll(() => host.attempts.held()).toMatchObject([{ isOver: true }]);
  host.attempts.publishAll();
  host.maySpeak = true;
  host.attempts.publishAll();
  // Only what was said after that was numbered.
  expect(await host.evidence(() => true)).toMatchObject({ phase: "exited", revision: 1 });
});

test("a release of an attempt that runs is not listened to", async () => {
  await using host = await AgentHost.open();
  const { attempts } = host;
  const { job, run, attempt, fence } = host.startMessage();
  attempts.onMessage(host.startMessage({}, "sleep 300\n"));
  const { revision } = await host.evidence(({ phase }) => phase === "started");
  attempts.onMessage({ v: 1, kind: "release", run, attempt });
  attempts.onMessage({ v: 1, kind: "report", run, attempt });
  await host.evidence((evidence) => evidence.revision > revision);
  expect(attempts.held()).toHaveLength(1);
  attempts.onMessage({ v: 1, kind: "cancel", job, run, attempt, fence, graceMs: 0 });
  expect((await host.evidence(({ phase }) => phase === "exited")).exit?.cause).toBe("cancelled");
  attempts.onMessage({ v: 1, kind: "release", run, attempt });
  await expect.poll(() => attempts.held()).toEqual([]);
});

test("processes left over are told to be gone, also when another one has their number by now", async () => {
  await using host = await AgentHost.open();
  const { pid } = process;
  const key = { job: "job", run: "run00002", attempt: 1 };
  host.attempts.adopt([
    {
      ...key,
      fence: { epoch: "e1", sequence: 1 },
      revision: 3,
      phase: "exited",
      exit: { exitCode: 0, leftOverPids: [pid] },
      leftOver: [{ pid, startTicks: 1 }],
      log: { lengthBytes: 0 },
    },
  ]);
  await host.evidence(({ exit }) => exit?.leftOverPids?.[0] === pid);
  host.attempts.lookForLeftOvers();
  expect((await host.evidence(({ exit }) => exit?.leftOverPids?.length === 0)).run).toBe(key.run);
  host.attempts.onMessage({ v: 1, kind: "release", run: key.run, attempt: 1 });
  await expect.poll(() => host.attempts.held()).toEqual([]);
});

test("a host that holds more than a beat should list takes nothing on until it is released", async () => {
  await using host = await AgentHost.open();
  const status = {
    job: "job",
    attempt: 1,
    fence: { epoch: "e1", sequence: 1 },
    revision: 1,
    phase: "refused",
  } as const;
  const refusal = { code: "held", message: "" } as const;
  const runs = Array.from({ length: 2_000 }, (_, index) => `held${1000 + index}`);
  host.attempts.adopt(runs.map((run) => ({ ...status, run, refusal, log: { lengthBytes: 0 } })));
  host.attempts.onMessage(host.startMessage());
  const refused = await host.evidence(({ run }) => run === "run00001");
  expect([refused.phase, refused.refusal?.code]).toEqual(["refused", "no-room"]);
  host.attempts.onMessage({ v: 1, kind: "release", run: "run00001", attempt: 1 });
  host.attempts.onMessage({ v: 1, kind: "release", run: runs[0]!, attempt: 1 });
  await expect.poll(() => host.attempts.held().length).toBe(1_999);
  host.attempts.onMessage(host.startMessage({ run: "run00002", fence: { epoch: "e1", sequence: 2 } }));
  expect((await host.evidence(({ run }) => run === "run00002")).phase).not.toBe("refused");
});

test("what a greeting lists is held, and what it does not list is not", async () => {
  await using host = await AgentHost.open();
  const status = { job: "job", run: "run00002", attempt: 1, fence: { epoch: "e1", sequence: 1 }, revision: 1 } as const;
  host.attempts.adopt([{ ...status, phase: "accepted", log: { lengthBytes: 0 } }]);
  expect(host.attempts.held()).toHaveLength(1);
  host.attempts.adopt([]);
  expect(host.attempts.held()).toEqual([]);
});

test("a start that is being handed over stays held, though no greeting lists it yet", async () => {
  await using host = await AgentHost.open();
  host.attempts.onMessage(host.startMessage());
  host.attempts.adopt([]);
  expect(host.attempts.held()).toMatchObject([{ run: "run00001" }]);
  await host.evidence(({ phase }) => phase === "exited");
});

test("a start that is cancelled while its payload is got in vain stays held until it is released", async () => {
  await using host = await AgentHost.open();
  const asked: ServerResponse[] = [];
  const objects = createServer((_, response) => void asked.push(response)).listen(0, "127.0.0.1");
  await once(objects, "listening");
  const { payload, ...message } = host.startMessage();
  const { job, run, attempt, fence } = message;
  const { port } = objects.address() as AddressInfo;
  const start = {
    ...message,
    payload: { ...payload, body: undefined },
    payloadFrom: { url: `http://127.0.0.1:${port}` },
  };
  host.attempts.onMessage(start);
  await expect.poll(() => asked).toHaveLength(1);
  host.attempts.onMessage({ v: 1, kind: "cancel", job, run, attempt, fence, graceMs: 0 });
  await host.evidence(({ phase }) => phase === "refused");
  asked[0]!.writeHead(503).end();
  await expect.poll(() => host.levels(run)).toContain("warn");
  expect(host.attempts.held()).toMatchObject([{ run, isRefused: true }]);
  host.attempts.onMessage({ v: 1, kind: "release", run, attempt });
  await expect.poll(() => host.attempts.held()).toEqual([]);
  // Its supervisor has let go of it, too.
  await host.restart();
  expect(host.attempts.held()).toEqual([]);
  objects.close();
});

test("evidence that is not taken is said again until it is, and that is logged once", async () => {
  await using host = await AgentHost.open();
  for (const sequence of [1, 2]) {
    const run = `run0000${sequence}`;
    await host.limitEvidence(1);
    host.attempts.onMessage(host.startMessage({ run, fence: { epoch: "e1", sequence } }));
    await expect.poll(() => host.levels(run), { timeout: 10_000 }).toEqual(expect.arrayContaining(["warn", "debug"]));
    await host.limitEvidence(-1);
    await host.evidence((evidence) => evidence.run === run && evidence.phase === "exited");
    expect(host.levels(run).filter((level) => level === "warn")).toHaveLength(1);
  }
});

test("what was printed while there was no supervisor to hear it from is shipped with the next greeting", async () => {
  await using host = await AgentHost.open();
  const folder = new AttemptFolder(host.stateDir, "run00002.1");
  folder.create("true\n");
  await writeFile(folder.spoolPath, "before-after");
  const status = { job: "job", run: "run00002", attempt: 1, fence: { epoch: "e1", sequence: 1 }, revision: 2 } as const;
  for (const lengthBytes of [7, 12]) {
    host.attempts.adopt([{ ...status, phase: "started", log: { lengthBytes } }]);
    await expect.poll(async () => readFile(folder.shippedPath, "utf8").catch(() => "")).toBe(String(lengthBytes));
  }
});

/** What an agent has of attempts: a real supervisor, a real nats-server, and licence 1. */
class AgentHost {
  attempts!: Attempts;
  readonly stateDir: string;
  maySpeak = true;
  /** Undefined: the supervisor is an older agent's. */
  holdsStarts: boolean | undefined = true;
  readonly #nats: NatsFixture;
  readonly #link: NatsLink;
  readonly #logged: { readonly level: number; readonly run?: string }[] = [];
  readonly #seen: Evidence[] = [];
  readonly #heard = new EventEmitter();
  #supervisor!: SupervisorLink;
  #sessions = 0;
  #session = "session";

  private constructor(nats: NatsFixture, link: NatsLink, stateDir: string) {
    this.#nats = nats;
    this.#link = link;
    this.stateDir = stateDir;
  }

  static async open(): Promise<AgentHost> {
    const nats = await startNats();
    const link = await connectNats({ url: nats.url, name: "test" });
    await ensureTopology(link, () => 1);
    const host = new AgentHost(nats, link, await mkdtemp(join(tmpdir(), "jobs-attempts-")));
    new EvidenceStore(link).watch({
      onEvidence: (_, evidence) => {
        host.#seen.push(evidence);
        host.#heard.emit("heard");
      },
      onReady: () => undefined,
      onError: () => undefined,
    });
    await host.#begin();
    return host;
  }

  async restart(): Promise<void> {
    await this.attempts.stop();
    this.#supervisor.detach();
    await this.#begin();
  }

  startMessage(changes: Partial<StartMessage> = {}, script = "true\n"): StartMessage {
    const body = JSON.stringify({ v: 1, script, interpreter: ["sh"], env: {} });
    const sha256 = createHash("sha256").update(body).digest("hex");
    return {
      v: 1,
      kind: "start",
      job: "job",
      run: "run00001",
      attempt: 1,
      licence: { session: this.#session, number: 1 },
      fence: { epoch: "e1", sequence: 1 },
      overlap: "reject",
      lostAfterMs: null,
      graceMs: 1_000,
      payload: { form: "plain", sha256, sizeBytes: body.length, body },
      ...changes,
    };
  }

  /** The first evidence, heard already or still to come, for which this holds. */
  async evidence(matches: (evidence: Evidence) => boolean): Promise<Evidence> {
    for (;;) {
      const found = this.#seen.find(matches);
      if (found !== undefined) return found;
      await new Promise((resolve) => this.#heard.once("heard", resolve));
    }
  }

  /** Of what was logged about a run. */
  levels(run: string): readonly string[] {
    return this.#logged.flatMap((line) => (line.run === run ? pino.levels.labels[line.level]! : []));
  }

  /** Evidence that is longer is not taken; -1: all is. */
  async limitEvidence(sizeBytes: number): Promise<void> {
    await this.#link.jsm.streams.update("EVENTS", { max_msg_size: sizeBytes });
  }

  async #begin(): Promise<void> {
    this.#sessions++;
    const session = (this.#session = this.#sessions === 1 ? "session" : `session-${this.#sessions}`);
    const log = pino({ level: "debug" }, { write: (line: string) => this.#logged.push(JSON.parse(line)) });
    const { stateDir } = this;
    const attempts: Attempts = new Attempts({
      agent: "agent-a",
      session,
      stateDir,
      slots: 4,
      evidence: new EvidenceStore(this.#link),
      logs: new LogStore(this.#link),
      maySpeak: () => this.maySpeak,
      findLiveLicence: ({ number }) => (number === 1 ? { endsAtBootMs: bootClockMs() + 60_000 } : undefined),
      supervisor: () => (this.holdsStarts === undefined ? olderThan(supervisor.client) : supervisor.client),
      log,
    });
    const supervisor: SupervisorLink = new SupervisorLink({
      stateDir,
      env: process.env,
      session,
      onConnected: (statuses) => attempts.adopt(statuses),
      onStatus: (status) => attempts.onStatus(status),
      onOutput: (run, attempt, growth) => attempts.onOutput(run, attempt, growth),
      log,
    });
    this.attempts = attempts;
    this.#supervisor = supervisor;
    await supervisor.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.attempts.stop();
    await this.#supervisor.end(0);
    await this.#link.connection.close();
    await this.#nats[Symbol.asyncDispose]();
    await rm(this.stateDir, { recursive: true });
  }
}

/** The supervisor as one that knows of no instants: it neither says that it holds starts back, nor is told to. */
function olderThan(client: SupervisorClient | undefined): SupervisorClient | undefined {
  if (client === undefined) return undefined;
  const { holdsStarts: _, ...hello } = client.hello;
  const start = ({ startAtMs: _startAt, ...spec }: AttemptSpec): void => client.start(spec);
  return Object.assign(Object.create(client) as SupervisorClient, { hello, start });
}
