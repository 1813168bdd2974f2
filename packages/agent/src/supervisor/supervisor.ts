import { chmod, mkdir, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { resolve } from "node:path";
import { AgentConnection, serveAgentSocket, type AgentRequest } from "./agent-connection.ts";
import { attemptName } from "./attempt-record.ts";
import { AttemptTable } from "./attempt-table.ts";
import { bootClockMs, bootId } from "./boot-clock.ts";
import { Deadline } from "./deadline.ts";
import { SUPERVISOR_PROTOCOL, type AttemptSpec, type HostEnvironment } from "./protocol.ts";
import { supervisorSocketPath } from "./socket-path.ts";
import { takeStateLock } from "./state-lock.ts";

const DEFAULT_IDLE_EXIT_MS = 10 * 60 * 1000;
export const DEFAULT_STOP_GRACE_MS = 10_000;
/** Output goes along with the word of it up to here; a flood the agent reads from the spool, in larger pieces. */
const LARGEST_ALONG_BYTES = 4 * 1024;

export interface SupervisorOptions {
  readonly stateDir: string;
  /** Version of the package it runs from. */
  readonly generation: string;
  /** Until an agent says another one. */
  readonly environment: HostEnvironment;
  /** With no attempt alive and no agent connected for so long, it stops by itself. */
  readonly idleExitMs?: number;
  readonly log: (message: string) => void;
}

/**
 * Holds the attempts of this host: starts, ends and remembers them, and answers the agent.
 *
 * It serves one agent connection, the newest. Everything it says it can say again after a crash, out of the journal.
 */
export class Supervisor {
  /** Resolves when it has stopped, also by itself. */
  readonly stopped: Promise<void>;
  readonly #options: SupervisorOptions;
  readonly #stateDir: string;
  readonly #deadline = new Deadline({ now: bootClockMs });
  readonly #bootId = bootId();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #environment: HostEnvironment;
  #table: AttemptTable | undefined;
  #lock: Server | undefined;
  #connection: AgentConnection | undefined;
  #stopping: Promise<void> | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #resolveStopped!: () => void;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#environment = options.environment;
    this.#stateDir = resolve(options.stateDir);
    this.#server = createServer((socket) => this.#serve(socket));
    this.stopped = new Promise((resolveStopped) => (this.#resolveStopped = resolveStopped));
  }

  /** @returns false when another supervisor runs on the state directory: then this one does nothing */
  async start(): Promise<boolean> {
    await mkdir(this.#stateDir, { recursive: true, mode: 0o700 });
    this.#lock = await takeStateLock(this.#stateDir);
    if (this.#lock === undefined) return false;
    this.#table = await AttemptTable.open({
      stateDir: this.#stateDir,
      bootId: this.#bootId,
      environment: () => this.#environment,
      onStatus: (status) => this.#connection?.send({ type: "status", status }),
      onOutput: ({ key: { run, attempt } }, { lengthBytes, bytes }) =>
        this.#connection?.send({
          type: "output",
          run,
          attempt,
          lengthBytes,
          ...(bytes.length > LARGEST_ALONG_BYTES ? {} : { bytes: bytes.toString("base64") }),
        }),
      findSession: () => this.#connection?.session,
      isStopping: () => this.#stopping !== undefined,
      log: this.#options.log,
    });
    const socketPath = supervisorSocketPath(this.#stateDir);
    // With the lock in hand, a socket that is there belongs to nobody any more.
    await rm(socketPath, { force: true });
    await new Promise<void>((listening, failed) => {
      this.#server.once("error", failed).listen(socketPath, listening);
    });
    await chmod(socketPath, 0o600);
    this.#watchIdle();
    return true;
  }

  /** Ends every attempt (`host-stopped`), then the supervisor. */
  stop(graceMs = DEFAULT_STOP_GRACE_MS): Promise<void> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(graceMs: number): Promise<void> {
    clearTimeout(this.#idleTimer);
    await this.#table?.endAll("host-stopped", graceMs);
    this.#deadline.stop();
    const closed = this.#server.listening
      ? new Promise((resolveClosed) => this.#server.close(resolveClosed))
      : undefined;
    // What was said last is still sent.
    for (const socket of this.#sockets) socket.destroySoon();
    await closed;
    await this.#table?.close();
    this.#lock?.close();
    this.#resolveStopped();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    serveAgentSocket(socket, {
      onHello: ({ session, environment }) => {
        if (environment !== undefined) this.#environment = environment;
        return this.#welcome(new AgentConnection(socket, session));
      },
      onMessage: (connection, message) => {
        if (connection !== this.#connection) return;
        this.#take(message).catch((error: unknown) => this.#options.log(`${message.type}: ${String(error)}`));
      },
      onClosed: (connection) => {
        if (connection !== this.#connection) return;
        this.#connection = undefined;
        this.#watchIdle();
      },
    });
  }

  #welcome(connection: AgentConnection): AgentConnection {
    this.#connection?.close();
    this.#connection = connection;
    clearTimeout(this.#idleTimer);
    connection.send({
      type: "hello",
      protocol: SUPERVISOR_PROTOCOL,
      generation: this.#options.generation,
      pid: process.pid,
      bootId: this.#bootId,
      holdsStarts: true,
      answersBeats: true,
      attempts: this.#table?.all().map(({ heldStatus }) => heldStatus) ?? [],
    });
    return connection;
  }

  async #take(message: AgentRequest): Promise<void> {
    const table = this.#table;
    if (table === undefined) return;
    switch (message.type) {
      case "start":
        return this.#startAttempt(table, message.spec);
      case "refuse":
        return table.refuse(message.attempt, message.fence, message.refusal);
      case "cancel":
        return table.cancel(message.attempt, message.fence, message.graceMs);
      case "beat":
        this.#deadline.beat(message.sentAtBootMs);
        return this.#connection?.send(message);
      case "release":
        return table.release(message.run, message.attempt);
      case "stop":
        return this.stop(message.graceMs);
    }
  }

  async #startAttempt(table: AttemptTable, spec: AttemptSpec): Promise<void> {
    const attempt = await table.start(spec);
    if (attempt === undefined) return;
    const name = attemptName(spec.run, spec.attempt);
    const { licence, lostAfterMs, graceMs, timeoutMs, silenceMs } = spec;
    this.#deadline.watch(name, {
      licence,
      lostAfterMs,
      graceMs,
      timeoutMs,
      silenceMs,
      takePrinted: () => attempt.takePrinted(),
      onOver: (cause) => void attempt.end(cause, graceMs),
    });
    await attempt.ended;
    this.#deadline.unwatch(name);
    this.#watchIdle();
  }

  /** (Re)starts the wait for the idle exit, if there is nothing to live for just now. */
  #watchIdle(): void {
    clearTimeout(this.#idleTimer);
    if (this.#connection !== undefined || this.#stopping !== undefined || this.#table?.hasLive() !== false) return;
    this.#idleTimer = setTimeout(() => void this.stop(), this.#options.idleExitMs ?? DEFAULT_IDLE_EXIT_MS);
  }
}
