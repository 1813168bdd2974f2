import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
/** The WebSocket of one run: its changes, and its log from any offset, then live, in one ordered stream. See core's `frames.ts`. */
import {
  CloseCode,
  encodeLogFrame,
  encodeLogFrameHeader,
  FOLLOW_PROTOCOL,
  JobsError,
  RunId,
  toJobsError,
  type LogFrame,
  type RunView,
  type ServerFrame,
  type StoredLog,
} from "@jobs/core";
import type { Logger } from "pino";
import { WebSocketServer, type WebSocket } from "ws";
import type { Auth } from "../http/auth.ts";
import { answerOnSocket } from "../http/raw-answer.ts";
import type { LogPosition, LogReader } from "../logs/log-reader.ts";
import type { Runs } from "../projection/runs.ts";

export interface FollowOptions {
  readonly runs: Runs;
  readonly logs: LogReader;
  readonly auth: Auth;
  readonly log: Logger;
  /** A reader that takes nothing for this long while bytes wait for it is cut off, milliseconds. */
  readonly slowReaderMs?: number | undefined;
}

/** What may wait for a slow reader in this process, bytes. */
const BUFFER_BYTES = 1024 * 1024;
const SLOW_READER_MS = 30_000;
const PATH = /^\/v1\/runs\/([^/]+)\/follow$/;

export class FollowSockets {
  readonly #options: FollowOptions;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 1024,
    handleProtocols: (protocols) => (protocols.has(FOLLOW_PROTOCOL) ? FOLLOW_PROTOCOL : false),
  });

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  attach(server: Server): void {
    server.on("upgrade", (request, socket, head) => this.#upgrade(request, { socket, head }));
  }

  /** Tells every reader to come back later. */
  stop(): void {
    for (const socket of this.#sockets.clients) {
      socket.close(CloseCode.serverStops, "the server stops");
      setTimeout(() => socket.terminate(), 1_000).unref();
    }
    this.#sockets.close();
  }

  #upgrade(request: IncomingMessage, { socket, head }: { socket: Duplex; head: Buffer }): void {
    socket.on("error", () => socket.destroy()); // an upgraded socket has no other listener: it would end the process
    try {
      const url = new URL(request.url ?? "/", "http://localhost");
      const id = PATH.exec(url.pathname)?.[1];
      if (id === undefined) throw new JobsError("operation-unknown", `There is no WebSocket at ${url.pathname}.`);
      this.#options.auth.fromUpgrade(request.headers);
      const log = url.searchParams.get("log");
      const from = log === null ? undefined : Number(log);
      const attempt = url.searchParams.get("attempt");
      const at = attempt === null ? undefined : Number(attempt);
      const only = url.searchParams.has("only");
      const isAttempt = at === undefined ? !only : Number.isSafeInteger(at) && at > 0;
      const isRight =
        isAttempt && RunId.safeParse(id).success && (from === undefined || (Number.isSafeInteger(from) && from >= 0));
      if (!isRight) throw new JobsError("invalid-request", "The run's id or the offset is not right.");
      this.#sockets.handleUpgrade(
        request,
        socket,
        head,
        (accepted) => void this.#serve(accepted, id, from === undefined ? undefined : { from, attempt: at, only }),
      );
    } catch (error) {
      answerOnSocket(socket, toJobsError(error));
    }
  }

  async #serve(socket: WebSocket, run: string, position: LogPosition | undefined): Promise<void> {
    const gone = new AbortController();
    const stopPinging = keepAlive(socket);
    socket.on("close", () => gone.abort());
    socket.on("error", () => gone.abort());
    try {
      await this.#options.runs.get(run);
      const { signal } = gone;
      const log = position === undefined ? undefined : this.#sendLog(socket, { run, signal, ...position });
      await Promise.all([this.#sendViews(socket, run, signal), log]);
      socket.close(CloseCode.done);
    } catch (thrown) {
      const error = toJobsError(thrown);
      if (thrown instanceof SlowReader) {
        this.#options.log.info({ run }, "a reader that takes nothing is cut off");
        socket.close(CloseCode.tooSlow, "too slow: come back with the offset reached");
      } else {
        if (error.code === "internal") this.#options.log.error({ err: thrown, run }, "following a run failed");
        sendFrame(socket, { type: "error", ...error.toBody() });
        socket.close(CloseCode.failed, error.code);
      }
      // A reader that takes nothing does not take the close, either.
      setTimeout(() => socket.terminate(), 1_000).unref();
    } finally {
      stopPinging();
      gone.abort();
    }
  }

  async #sendViews(socket: WebSocket, run: string, signal: AbortSignal): Promise<void> {
    let last: string | undefined;
    for await (const view of this.#options.runs.follow(run, signal)) {
      const frame = JSON.stringify({ type: "run", run: view satisfies RunView });
      if (frame !== last) socket.send(frame);
      last = frame;
      if (view.times.settledAt !== undefined) return;
    }
  }

  async #sendLog(
    socket: WebSocket,
    { run, signal, ...position }: LogPosition & { run: string; signal: AbortSignal },
  ): Promise<void> {
    let offset = position.from;
    let isCaughtUp = false;
    // Left early, as by a reader that is cut off, it ends what it reads from.
    for await (const next of this.#partsOf(run, position, signal)) {
      if (next === "caught-up") {
        if (!isCaughtUp) sendFrame(socket, { type: "caught-up", offset });
        isCaughtUp = true;
      } else if ("complete" in next) sendFrame(socket, { type: "log-end", ...next });
      else {
        sendLogFrame(socket, next);
        offset = next.offset + next.bytes.length;
        if (socket.bufferedAmount > BUFFER_BYTES) await this.#drained(socket, signal);
      }
    }
  }

  /** A log, and its end. */
  async *#partsOf(
    run: string,
    position: LogPosition,
    signal: AbortSignal,
  ): AsyncGenerator<LogFrame | "caught-up" | StoredLog> {
    const end = yield* this.#options.logs.read(run, position, signal);
    if (end !== undefined) yield end;
  }

  /** Waits until the reader took most of what waits; throws when it takes nothing for too long. */
  async #drained(socket: WebSocket, signal: AbortSignal): Promise<void> {
    const limitMs = this.#options.slowReaderMs ?? SLOW_READER_MS;
    let before = socket.bufferedAmount;
    let stillMs = 0;
    let lookedAtMs = performance.now();
    while (socket.bufferedAmount > BUFFER_BYTES / 2 && !signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      // While this process is busy the reader cannot take anything: one look counts for a tenth at most.
      const sinceMs = Math.min(performance.now() - lookedAtMs, limitMs / 10);
      lookedAtMs = performance.now();
      stillMs = socket.bufferedAmount < before ? 0 : stillMs + sinceMs;
      before = socket.bufferedAmount;
      if (stillMs >= limitMs) throw new SlowReader();
    }
  }
}

const POLL_MS = 5;
const PING_MS = 30_000;
/** Pings without an answer after which a client is gone. One that reads slowly is late with its answers, too. */
const MAX_UNANSWERED = 3;

/** Ends a socket whose other end has vanished without a word; gives what stops it. */
function keepAlive(socket: WebSocket): () => void {
  let unanswered = 0;
  socket.on("pong", () => (unanswered = 0));
  const timer = setInterval(() => {
    if (unanswered++ >= MAX_UNANSWERED) socket.terminate();
    else socket.ping();
  }, PING_MS);
  return () => clearInterval(timer);
}

const COPIED_BYTES = 4 * 1024;

class SlowReader extends Error {}

/** A large one as two fragments of one message: its bytes are not copied. */
function sendLogFrame(socket: WebSocket, frame: LogFrame): void {
  if (frame.bytes.length < COPIED_BYTES) return socket.send(encodeLogFrame(frame));
  socket.send(encodeLogFrameHeader(frame), { binary: true, fin: false });
  socket.send(frame.bytes, { binary: true, fin: true });
}

function sendFrame(socket: WebSocket, frame: ServerFrame): void {
  socket.send(JSON.stringify(frame));
}
