/**
 * One nats-server process with JetStream, on a data folder of its own.
 *
 * stopped -> starting -> running -> stopped. `start()` and `stop()` move it; the process may also end by itself or be
 * killed, which `exited` tells; the next `start()` then takes the same ports and the same data. It runs in a session of
 * its own: Ctrl-C in a terminal must reach it last, from `stop()`, not first. So a `kill -9` of the owner leaves it
 * behind; the next start on the same data folder ends it. One owner at a time: who shares a data folder locks it.
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { platform } from "node:process";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { JobsError } from "../errors.ts";
import type { Service } from "../lifecycle.ts";
import { endLeftOver } from "./left-over.ts";
import { renderNatsConf, type NatsClusterOptions, type NatsUser } from "./nats-conf.ts";
import { checkGreeting, removePortsFiles, waitForPorts, type NatsPorts } from "./ready.ts";

export interface NatsServerProcessOptions {
  /** The program; see `findNatsServer`. */
  readonly file: string;
  /** Folder for the store, the log, and the configuration; made when missing. */
  readonly dataDir: string;
  /** A name without spaces, unique in a cluster. */
  readonly serverName: string;
  /** Default: any free one, kept for later starts of this object. */
  readonly port?: number;
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** Port for the HTTP monitor; -1 is any free one. Default: no monitor. */
  readonly monitorPort?: number;
  /** Default: anyone who reaches the port may do everything. */
  readonly users?: readonly NatsUser[];
  readonly cluster?: NatsClusterOptions;
  /** Sync to disk before each acknowledgement. Default true; false loses acknowledged data on power loss. */
  readonly syncAlways?: boolean;
  /** Largest message. Default 1 MiB. */
  readonly maxPayloadBytes?: number;
  /** How long a start may take: a large store is read first. Default 60,000. */
  readonly startTimeoutMs?: number;
  /** How long an orderly stop may take before the process is killed. Default 10,000. */
  readonly stopTimeoutMs?: number;
}

/** How a process ended: by an exit code or a signal. */
export interface NatsServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface Life {
  readonly child: ChildProcessByStdio<null, null, Readable>;
  readonly exited: Promise<NatsServerExit>;
  /** What it printed, or why there is no process; complete when it has ended. */
  readonly complaint: Promise<string>;
  ended: boolean;
}

export class NatsServerProcess implements Service {
  readonly #options: NatsServerProcessOptions;
  readonly #files;
  #starting: Promise<void> | undefined;
  #abort = new AbortController();
  #life: Life | undefined;
  #ports: NatsPorts | undefined;

  constructor(options: NatsServerProcessOptions) {
    const dir = resolve(options.dataDir);
    this.#options = options;
    this.#files = {
      dir,
      conf: join(dir, "nats.conf"),
      store: join(dir, "store"),
      log: join(dir, "nats.log"),
      pid: join(dir, "nats.pid"),
      portsDir: dir,
    };
  }

  /** The folder of the store, the log (`nats.log`) and the configuration. */
  get dataDir(): string {
    return this.#files.dir;
  }

  /** Address for clients, without credentials: `nats://127.0.0.1:4222`. Throws before the first start. */
  get url(): string {
    return `nats://${this.#address(this.#known().client)}`;
  }

  /** Address of the HTTP monitor; undefined without one. Throws before the first start. */
  get monitorUrl(): string | undefined {
    const { monitor } = this.#known();
    return monitor === undefined ? undefined : `http://${this.#address(monitor)}`;
  }

  /** Process id; undefined while it does not run. */
  get pid(): number | undefined {
    return this.#isRunning() ? this.#life?.child.pid : undefined;
  }

  /** Resolves when the process of the latest start has ended, for whatever reason. Throws before the first start. */
  get exited(): Promise<NatsServerExit> {
    if (this.#life === undefined) throw new Error("nats-server was never started");
    return this.#life.exited;
  }

  /**
   * Starts the process and waits until it answers.
   *
   * @throws JobsError `store-unavailable` when it ends or does not answer in time; it is ended then.
   */
  async start(): Promise<void> {
    this.#starting ??= this.#startOnce().finally(() => (this.#starting = undefined));
    await this.#starting;
  }

  async stop(): Promise<void> {
    this.#abort.abort(new JobsError("store-unavailable", "nats-server was stopped while it started"));
    await this.#starting?.catch(() => undefined);
    await this.#end();
  }

  /** Sends a signal, and waits for the end if it is a deadly one. For tests of faults. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (!this.#isRunning()) return;
    this.#life?.child.kill(signal);
    if (signal !== "SIGSTOP" && signal !== "SIGCONT" && signal !== "SIGHUP") await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #startOnce(): Promise<void> {
    if (this.#isRunning()) return;
    this.#abort = new AbortController();
    const { startTimeoutMs = 60_000 } = this.#options;
    const timeUp = AbortSignal.timeout(startTimeoutMs);
    await mkdir(this.#files.dir, { recursive: true, mode: 0o700 });
    await endLeftOver(this.#files);
    await removePortsFiles(this.#files.dir);
    await this.#writeConf();
    this.#abort.signal.throwIfAborted();
    const life = this.#spawn();
    const ended = new AbortController();
    void life.exited.then(() => ended.abort());
    try {
      const signal = AbortSignal.any([this.#abort.signal, timeUp, ended.signal]);
      const ports = await waitForPorts(this.#files.portsDir, life.child.pid ?? 0, signal);
      await checkGreeting({ host: this.#reachableHost(), port: ports.client }, this.#options.serverName);
      this.#ports = ports;
    } catch (error) {
      const why = timeUp.aborted ? `does not answer within ${startTimeoutMs} ms` : "did not start";
      await this.#end();
      this.#abort.signal.throwIfAborted();
      const details = (await life.complaint).trim() || (await this.#lastLogLines());
      throw new JobsError("store-unavailable", `nats-server ${why}: ${details || String(error)}`, { cause: error });
    }
  }

  #spawn(): Life {
    const child = spawn(this.#options.file, ["-c", this.#files.conf], {
      cwd: this.#files.dir,
      stdio: ["ignore", "ignore", "pipe"],
      detached: platform !== "win32",
      windowsHide: true,
    });
    const printed = text(child.stderr).catch(() => "");
    let noProcess = "";
    const exited = new Promise<NatsServerExit>((settle) => {
      child.once("exit", (code, signal) => settle({ code, signal }));
      child.once("error", (error) => {
        noProcess = error.message;
        if (child.pid === undefined) settle({ code: null, signal: null });
      });
    });
    const complaint = exited.then(async () => noProcess || printed);
    const life: Life = { child, exited, complaint, ended: false };
    void exited.then(() => (life.ended = true));
    this.#life = life;
    return life;
  }

  async #end(): Promise<void> {
    const life = this.#life;
    if (life === undefined || life.ended) return;
    life.child.kill("SIGTERM");
    // A stopped process (SIGSTOP) takes no SIGTERM; after the limit it is killed.
    const timer = setTimeout(() => life.child.kill("SIGKILL"), this.#options.stopTimeoutMs ?? 10_000);
    await life.exited.finally(() => clearTimeout(timer));
  }

  /** The file holds passwords, so nobody else may read it, not even for a moment. */
  async #writeConf(): Promise<void> {
    const { port = -1, monitorPort, host = "127.0.0.1", users = [], cluster } = this.#options;
    const conf = renderNatsConf({
      serverName: this.#options.serverName,
      host,
      port: this.#ports?.client ?? port,
      monitorPort: this.#ports?.monitor ?? monitorPort,
      users,
      cluster,
      syncAlways: this.#options.syncAlways ?? true,
      maxPayloadBytes: this.#options.maxPayloadBytes ?? 1024 * 1024,
      files: this.#files,
    });
    const beside = `${this.#files.conf}.new`;
    await rm(beside, { force: true });
    await writeFile(beside, conf, { mode: 0o600 });
    await rename(beside, this.#files.conf);
  }

  async #lastLogLines(): Promise<string> {
    const log = await readFile(this.#files.log, "utf8").catch(() => "");
    const lines = log.trimEnd().split("\n");
    const complaints = lines.filter((line) => / \[(FTL|ERR)\] /.test(line));
    return (complaints.length > 0 ? complaints : lines).slice(-3).join("\n");
  }

  #isRunning(): boolean {
    return this.#life !== undefined && !this.#life.ended;
  }

  #known(): NatsPorts {
    if (this.#ports === undefined) throw new Error("nats-server was never started");
    return this.#ports;
  }

  #reachableHost(): string {
    const { host = "127.0.0.1" } = this.#options;
    return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  }

  #address(port: number): string {
    const host = this.#reachableHost();
    return `${host.includes(":") ? `[${host}]` : host}:${port}`;
  }
}
