import { execFile } from "node:child_process";
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { bootClockMs } from "../boot-clock.ts";
import type { SupervisorClient } from "../client.ts";
import { connectSupervisor, supervisorBundlePath } from "../launch.ts";
import { findProcess, listPids } from "../process-table.ts";
import type { AttemptSpec, AttemptStatus } from "../protocol.ts";
import { supervisorSocketPath } from "../socket-path.ts";

const SOURCE_DIR = dirname(import.meta.dirname);

/** Makes the bundle anew when a source is younger; whole or not at all, as other tests may do the same just now. */
export async function buildSupervisorBundle(): Promise<void> {
  const bundlePath = supervisorBundlePath();
  const names = await readdir(SOURCE_DIR);
  const sourceTimes = await Promise.all(
    names
      .filter((name) => !name.endsWith(".test.ts"))
      .map(async (name) => (await stat(join(SOURCE_DIR, name))).mtimeMs),
  );
  const bundleTime = await stat(bundlePath).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  if (bundleTime > Math.max(...sourceTimes)) return;
  const packageDir = dirname(dirname(dirname(bundlePath)));
  const outDir = await mkdtemp(join(packageDir, "dist-"));
  try {
    const tsup = createRequire(import.meta.url).resolve("tsup/package.json");
    const cli = join(dirname(tsup), "dist", "cli-default.js");
    await promisify(execFile)(process.execPath, [cli, "--out-dir", outDir], { cwd: packageDir });
    await promisify(execFile)("mkdir", ["-p", dirname(bundlePath)]);
    await rename(join(outDir, "supervisor.mjs"), bundlePath);
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

/** A fresh state directory, a real supervisor on it, and what an agent that is connected to it hears. */
export class SupervisedHost {
  readonly stateDir: string;
  readonly statuses: AttemptStatus[] = [];
  readonly outputLengths = new Map<string, number>();
  client!: SupervisorClient;
  readonly #heard = new EventEmitter().setMaxListeners(100);
  readonly #supervisorPids = new Set<number>();

  private constructor(stateDir: string) {
    this.stateDir = stateDir;
  }

  static async open(stateDir?: string): Promise<SupervisedHost> {
    const host = new SupervisedHost(stateDir ?? (await mkdtemp(join(tmpdir(), "jobs-supervisor-"))));
    await host.connect();
    return host;
  }

  /** Connects a further agent; it is the one that is heard from now on. */
  async connect(session = "session-1", env: NodeJS.ProcessEnv = process.env): Promise<SupervisorClient> {
    const client = await connectSupervisor({
      stateDir: this.stateDir,
      env,
      session,
      listener: {
        onHello: () => undefined,
        onStatus: (status) => {
          this.statuses.push(status);
          this.#heard.emit("heard");
        },
        onOutput: (run, attempt, { lengthBytes }) => {
          this.outputLengths.set(`${run}.${attempt}`, lengthBytes);
          this.#heard.emit("heard");
        },
        onClosed: () => this.#heard.emit("closed", client),
      },
    });
    this.client = client;
    this.#supervisorPids.add(client.hello.pid);
    return client;
  }

  spec(changes: Partial<AttemptSpec> = {}): AttemptSpec {
    return {
      job: "job",
      run: "run-1",
      attempt: 1,
      fence: { epoch: "e1", sequence: 1 },
      allowsOverlap: false,
      licence: { session: "session-1", number: 1, endsAtBootMs: bootClockMs() + 60_000 },
      lostAfterMs: null,
      graceMs: 1_000,
      script: "true\n",
      interpreter: ["bash"],
      env: {},
      columns: 160,
      rows: 100,
      ...changes,
    };
  }

  /** Starts an attempt and waits for its end. */
  async run(changes: Partial<AttemptSpec> = {}): Promise<AttemptStatus> {
    const spec = this.spec(changes);
    this.client.start(spec);
    return this.status(({ run, phase }) => run === spec.run && (phase === "exited" || phase === "refused"));
  }

  /** The first status, heard already or still to come, for which this holds. */
  async status(matches: (status: AttemptStatus) => boolean): Promise<AttemptStatus> {
    return this.#hear(() => this.statuses.find(matches));
  }

  /** Waits until the log of an attempt holds this text. */
  async logWith(name: string, text: string): Promise<string> {
    return this.#hear(async () => {
      if (!this.outputLengths.has(name)) return undefined;
      const log = (await this.log(name)).toString();
      return log.includes(text) ? log : undefined;
    });
  }

  async log(name: string): Promise<Buffer> {
    return readFile(join(this.stateDir, "attempts", name, "spool"));
  }

  async closed(client: SupervisorClient): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#heard.on("closed", (closed) => closed === client && resolve());
    });
  }

  /** Kills the supervisor like a crash does, and waits until it is gone. */
  async killSupervisor(): Promise<void> {
    const { pid } = this.client.hello;
    const closed = this.closed(this.client);
    process.kill(pid, "SIGKILL");
    await closed;
    await processGone(pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    for (const pid of this.#supervisorPids) {
      if (findProcess(pid) === undefined) continue;
      process.kill(pid, "SIGKILL");
      await processGone(pid);
    }
    // The next one ends whatever scripts the killed one has left, and then itself.
    const client = await this.connect();
    const closed = this.closed(client);
    client.stop(0);
    await closed;
    await processGone(client.hello.pid);
    const socketDir = dirname(supervisorSocketPath(this.stateDir));
    for (const path of [this.stateDir, socketDir]) await rm(path, { recursive: true, force: true });
  }

  async #hear<T>(find: () => T | undefined | Promise<T | undefined>): Promise<T> {
    for (;;) {
      const heard = new Promise((resolve) => this.#heard.once("heard", resolve));
      const found = await find();
      if (found !== undefined) return found;
      await heard;
    }
  }
}

/** A process that is no child of ours tells nobody that it ends, so it is looked for. */
export async function processGone(pid: number): Promise<void> {
  while (findProcess(pid) !== undefined) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** The supervisor's process id, from when it is spawned. */
export function findSupervisor(stateDir: string): number | undefined {
  return listPids().find((pid) => isSupervisorOf(pid, stateDir));
}

/** A process whose command line is that of a supervisor already: a fork that has not become one yet has its parent's. */
function isSupervisorOf(pid: number, stateDir: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`--state-dir\0${stateDir}\0`);
  } catch {
    return false; // it has ended
  }
}
