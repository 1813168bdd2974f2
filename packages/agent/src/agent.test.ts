import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Beat, StartMessage } from "@jobs/core";
import { AgentBeats, BeatStore, connectNats, ensureTopology, InboxStore, type NatsLink } from "@jobs/core/jetstream";
import { startNats, type NatsFixture } from "@jobs/core/testing";
import { pino } from "pino";
import { beforeAll, expect, test, vi } from "vitest";
import { startAgent, type RunningAgent } from "./agent.ts";
import { findProcess } from "./supervisor/process-table.ts";
import { buildSupervisorBundle, findSupervisor } from "./supervisor/testing/supervised-host.ts";

beforeAll(buildSupervisorBundle, 30_000);

test.skipIf(process.getuid?.() !== 0)("an agent on a full disk starts, and beats on", async () => {
  await using host = await Host.open();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", host.stateDir]);
  try {
    const first = await host.start();
    await host.beatOf(first.session, 2);
    await first.agent.stop();
    fill(join(host.stateDir, "filler"));
    const second = await host.start();
    expect(second.session).not.toBe(first.session);
    await host.beatOf(second.session, 2);
    await second.agent.end(0);
  } finally {
    execFileSync("umount", ["--lazy", host.stateDir]);
  }
});

test("a host whose supervisor hangs sends no beats until it goes on", async () => {
  await using host = await Host.open();
  const { agent, session } = await host.start();
  const pid = findSupervisor(host.stateDir)!;
  process.kill(pid, "SIGSTOP");
  try {
    await vi.waitFor(() => expect(host.said).toContainEqual(expect.stringContaining("does not answer")), 40_000);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  const number = await host.numberOf(session);
  await host.beatOf(session, number + 1);
  expect(host.said).toContainEqual(expect.stringContaining("answers again"));
  await agent.end(0);
}, 90_000);

test.concurrent.for([false, true])(
  "what a supervisor that hangs runs is ended before the server may call it lost; of an earlier agent: %s",
  { timeout: 90_000 },
  async (isOfEarlier) => {
    await using host = await Host.open();
    const first = await host.start();
    const script = await host.startScript({ lostAfterMs: 20_000, graceMs: 5_000 });
    if (isOfEarlier) await first.agent.stop();
    const { agent, session } = isOfEarlier ? await host.start() : first;
    const supervisor = findSupervisor(host.stateDir)!;
    process.kill(supervisor, "SIGSTOP");
    try {
      // The host falls silent 15 s after the stop at the earliest, and 10 s more than `lostAfterMs` of that are no loss yet.
      await vi.waitFor(() => expect(findProcess(script)).toBeUndefined(), 45_000);
    } finally {
      if (findProcess(supervisor) !== undefined) process.kill(supervisor, "SIGCONT");
    }
    expect(host.said).toContainEqual(expect.stringContaining("it is killed"));
    await host.beatOf(session, (await host.numberOf(session)) + 1);
    await agent.end(0);
  },
);

test("an agent does not start on the state folder of another one, whose supervisor it leaves alone", async () => {
  await using host = await Host.open();
  const { agent, session } = await host.start();
  await host.beatOf(session, 2);
  const error = await host.start("agent-b").catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "config-invalid", message: expect.stringMatching(/agent-a.*agent-b/) });
  await agent.end(0);
});

test("a state folder of an older agent, which did not write whose it is, is taken over", async () => {
  await using host = await Host.open();
  const first = await host.start();
  await first.agent.stop();
  const path = join(host.stateDir, "session.json");
  const { agent: _, ...older } = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
  await writeFile(path, JSON.stringify(older));
  const { agent } = await host.start();
  expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ agent: "agent-a" });
  await agent.end(0);
});

test("a program that is installed while the agent runs is said, and one that is removed no longer", async () => {
  await using host = await Host.open();
  const folder = join(host.stateDir, "programs");
  await mkdir(folder);
  const { agent } = await host.start("agent-a", { ...process.env, PATH: `${process.env["PATH"]}:${folder}` });
  await using programs = host.watchPrograms();
  await vi.waitFor(() => expect(programs.now()).toContain("sh"), 20_000);
  await writeFile(join(folder, "new-tool"), "", { mode: 0o755 });
  await vi.waitFor(() => expect(programs.now()).toContain("new-tool"), 20_000);
  await rm(join(folder, "new-tool"));
  await vi.waitFor(() => expect(programs.now()).not.toContain("new-tool"), 20_000);
  await agent.end(0);
}, 60_000);

function fill(path: string): void {
  const file = openSync(path, "w");
  try {
    for (;;) writeSync(file, Buffer.alloc(512));
  } catch (error) {
    expect(error).toMatchObject({ code: "ENOSPC" });
  } finally {
    closeSync(file);
  }
}

/** A state folder and a nats-server with the streams of Jobs. */
class Host {
  readonly stateDir: string;
  /** What its agents logged. */
  readonly said: string[] = [];
  readonly #nats: NatsFixture;
  readonly #link: NatsLink;
  readonly #beats: AgentBeats;

  private constructor(nats: NatsFixture, link: NatsLink, stateDir: string) {
    this.#nats = nats;
    this.#link = link;
    this.stateDir = stateDir;
    this.#beats = new AgentBeats(link, "agent-a");
  }

  static async open(): Promise<Host> {
    const nats = await startNats();
    const link = await connectNats({ url: nats.url, name: "test" });
    await ensureTopology(link, () => 1);
    return new Host(nats, link, await mkdtemp(join(tmpdir(), "jobs-agent-")));
  }

  /** An agent that has beaten once. */
  async start(
    id = "agent-a",
    env: NodeJS.ProcessEnv = process.env,
  ): Promise<{ readonly agent: RunningAgent; readonly session: string }> {
    const { stateDir } = this;
    const log = pino({ level: "info" }, { write: (line: string) => this.said.push(line) });
    const agent = await startAgent({ nats: { url: this.#nats.url }, id, stateDir, env, log });
    return { agent, session: (await this.#last())!.session };
  }

  /** A script that only SIGTERM or SIGKILL ends; its process id. */
  async startScript(limits: Pick<StartMessage, "lostAfterMs" | "graceMs">): Promise<number> {
    const pidPath = join(this.stateDir, "script.pid");
    const script = `trap "" HUP; echo $$ > ${pidPath}; exec sleep 300`;
    const body = JSON.stringify({ v: 1, script, interpreter: ["sh"], env: {} });
    const sha256 = createHash("sha256").update(body).digest("hex");
    const inbox = new InboxStore(this.#link);
    await inbox.ensureConsumer("agent-a");
    await inbox.put("agent-a", {
      v: 1,
      kind: "start",
      job: "job",
      run: "run00001",
      attempt: 1,
      licence: (await this.#last())!.licence,
      fence: { epoch: "e1", sequence: 1 },
      overlap: "reject",
      payload: { form: "plain", sha256, sizeBytes: body.length, body },
      ...limits,
    });
    return vi.waitFor(async () => {
      const pid = Number(await readFile(pidPath, "utf8"));
      expect(pid).toBeGreaterThan(0);
      return pid;
    }, 20_000);
  }

  /** The programs that the host has, as it said last. */
  watchPrograms(): AsyncDisposable & { readonly now: () => readonly string[] } {
    let programs: readonly string[] = [];
    const ignore = (): void => undefined;
    const rest = { onBeat: ignore, onLease: ignore, onReady: ignore, onReset: ignore, onError: ignore };
    const watch = new BeatStore(this.#link).watch({ ...rest, onHost: (_, report) => (programs = report.programs) });
    return { now: () => programs, [Symbol.asyncDispose]: () => watch.stop() };
  }

  async numberOf(session: string): Promise<number> {
    const last = await this.#last();
    expect(last?.session).toBe(session);
    return last!.number;
  }

  /** Waits until this session has sent so many beats. */
  async beatOf(session: string, number: number): Promise<void> {
    await vi.waitFor(async () => {
      const last = await this.#last();
      expect(last?.session).toBe(session);
      expect(last?.number).toBeGreaterThanOrEqual(number);
    }, 20_000);
  }

  async #last(): Promise<Beat | undefined> {
    return (await this.#beats.last())?.beat;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link.connection.close();
    await this.#nats[Symbol.asyncDispose]();
    await rm(this.stateDir, { recursive: true });
  }
}
