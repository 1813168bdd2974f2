/**
 * Following one run over a WebSocket, for as long as somebody reads. What a socket is open for:
 *
 *   closed ──start──► opening ──first frame──► open ──reader too slow──► parked ──drained──► open
 *                       ▲  │                    │
 *                       │  └──────break─────────┴──► waiting (0.05 s … 2 s) ──► opening
 *   any ──close(), a final error, or: settled and everything sent──► closed
 *
 * Failure rules:
 *   - Every break but a final error is met by opening again, at the offset reached: no byte is lost or seen twice.
 *   - A browser does not say why a socket could not be opened. So one plain request asks for the run: an error of the
 *     caller (unknown run, refused token) is final, all others are breaks.
 *   - Parked means: the socket is not read. Where that cannot be done it is closed, and opened again once drained. The server
 *     cuts off who takes nothing for long: that is no break, and nobody is told.
 *   - A gap in the log is met by one more try at the same offset; when it is still there, those bytes are lost.
 */
import {
  CloseCode,
  decodeLogFrame,
  FOLLOW_PROTOCOL,
  httpStatusOf,
  isLogFrame,
  JobsError,
  ServerFrame,
  streams,
  TOKEN_PROTOCOL_PREFIX,
  toJobsError,
  type RunView,
} from "@jobs/core";
import { Backoff } from "./backoff.ts";
import { call, unreachable } from "./call.ts";
import type { Connection } from "./connection.ts";
import { LogBuffer, type LogStart } from "./log-buffer.ts";
import type { Socket } from "./transport.ts";

/** A socket that lasted this long was no failed try, milliseconds. */
const STEADY_MS = 2000;
const FRAME_TYPES: ReadonlySet<unknown> = new Set(ServerFrame.options.map((option) => option.shape.type.value));

/** A break of the connection, and when it is tried again. */
export interface Retry {
  readonly error: JobsError;
  /** Until the next try, milliseconds. */
  readonly delayMs: number;
}

interface FollowOptions {
  readonly connection: Connection;
  readonly run: string;
  /** The first log byte to read; left out: no log. */
  readonly logFrom?: LogStart;
  readonly onRun: (view: RunView) => void;
  readonly onRetry: (retry: Retry) => void;
  /** It was parked, goes on, or has ended: by itself, or with an error. */
  readonly onChange: (error?: JobsError) => void;
}

/** One subscription to a run, over as many sockets as it takes. */
export class Follow {
  readonly #options: FollowOptions;
  readonly #backoff = new Backoff({ firstMs: 50, lastMs: 2000 });
  readonly #closing = new AbortController();
  /** Where the log's bytes wait for their reader; absent when only states are followed. */
  readonly log: LogBuffer | undefined;
  #socket: Socket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #openedAt = 0;
  #isParked = false;
  /** Since its socket was opened. */
  #wasParked = false;
  #logEnded: boolean;
  #isSettled = false;
  #gapAt: number | undefined;
  #lastError: JobsError | undefined;

  constructor(options: FollowOptions) {
    this.#options = options;
    const { logFrom } = options;
    if (logFrom !== undefined) this.log = new LogBuffer({ ...logFrom, onDrained: () => this.#unpark() });
    this.#logEnded = logFrom === undefined;
  }

  /** False once it has ended or was closed. */
  get isOpen(): boolean {
    return !this.#closing.signal.aborted;
  }

  /** True while changes of the run's state would be heard, now or after the next try. */
  get hearsStates(): boolean {
    return this.isOpen && !this.#isParked;
  }

  /** True once the log's end was received, or when no log was asked for: it may then go on for the states alone. */
  get logEnded(): boolean {
    return this.#logEnded;
  }

  start(): void {
    this.#open();
  }

  /** Ends it; a reader of its log that waits gets the error. May be called twice. */
  close(error: unknown = new DOMException("The run is no longer followed.", "AbortError")): void {
    if (!this.isOpen) return;
    this.#closing.abort();
    clearTimeout(this.#timer);
    this.#drop();
    this.log?.fail(error);
  }

  #open(): void {
    if (!this.isOpen) return;
    const { connection, run } = this.#options;
    const query = this.log === undefined || this.#logEnded ? "" : logQuery(this.log, this.#options.logFrom);
    const url = connection.url.replace(/^http/, "ws") + streams.follow(run) + query;
    let wasOpened = false;
    this.#openedAt = performance.now();
    this.#wasParked = false;
    let socket: Socket | undefined;
    const ifCurrent = (then: () => void) => () => {
      if (socket !== undefined && socket === this.#socket) then();
    };
    try {
      socket = connection.transport.openSocket(url, [FOLLOW_PROTOCOL, TOKEN_PROTOCOL_PREFIX + connection.token], {
        onOpen: ifCurrent(() => void (wasOpened = true)),
        onMessage: (content) => ifCurrent(() => this.#receive(content))(),
        onClose: (code) => ifCurrent(() => this.#closed(code, wasOpened))(),
      });
      this.#socket = socket;
    } catch (error) {
      this.#end(toJobsError(error));
    }
  }

  #receive(content: string | Uint8Array): void {
    if (typeof content !== "string") return this.#receiveBytes(content);
    const received = parseJson(content);
    if (!FRAME_TYPES.has(received?.type)) return; // of a newer server: what this version does not know, it does not need
    const frame = ServerFrame.safeParse(received);
    if (!frame.success) {
      const message = "What the server says of the run was not understood: are server and SDK of the same version?";
      return this.#end(new JobsError("internal", message, { cause: frame.error }));
    }
    switch (frame.data.type) {
      case "run":
        this.#isSettled = frame.data.run.times.settledAt !== undefined;
        return this.#options.onRun(frame.data.run);
      case "caught-up":
        return this.log?.put({ kind: "caught-up" });
      case "log-end": {
        const { type: _, ...log } = frame.data;
        this.#logEnded = true;
        return this.log?.put({ kind: "end", log });
      }
      case "error":
        this.#lastError = JobsError.fromBody(frame.data) ?? new JobsError("internal", frame.data.error.message);
        if (isFinal(this.#lastError)) this.#end(this.#lastError);
    }
  }

  #receiveBytes(content: Uint8Array): void {
    if (this.log === undefined || this.#logEnded || !isLogFrame(content)) return;
    const frame = decodeLogFrame(content);
    this.log.begin(frame.attempt);
    const reached = this.log.nextOffset;
    if (frame.offset > reached && this.#gapAt !== reached) {
      this.#gapAt = reached;
      return this.#again(new JobsError("log-unavailable", `Log bytes ${reached}–${frame.offset - 1} did not come.`));
    }
    this.log.take(frame);
    this.#backoff.reset();
    if (this.log.isFull && !this.#isParked) this.#park();
  }

  #park(): void {
    this.#isParked = this.#wasParked = true;
    if (this.#socket?.reading !== undefined) this.#socket.reading.pause();
    else this.#drop();
    this.#options.onChange();
  }

  #unpark(): void {
    if (!this.#isParked || !this.isOpen) return;
    this.#isParked = false;
    if (this.#socket === undefined) this.#open();
    else this.#socket.reading?.resume();
    this.#options.onChange();
  }

  #closed(code: number, wasOpened: boolean): void {
    this.#socket = undefined;
    if (code === CloseCode.done && this.#isSettled && this.#logEnded) return this.#end();
    const { connection } = this.#options;
    const error = this.#lastError ?? unreachable(connection, `the connection was closed (${code})`);
    this.#lastError = undefined;
    if (performance.now() - this.#openedAt > STEADY_MS) this.#backoff.reset();
    if (this.#isParked) return; // it is opened again once drained
    if (code === CloseCode.tooSlow || this.#wasParked) this.#open();
    else if (wasOpened) this.#again(error);
    else void this.#diagnose(error);
  }

  async #diagnose(refused: JobsError): Promise<void> {
    const { connection, run, onRun } = this.#options;
    try {
      const view = await call(connection, { operation: "getRun", input: { run } }, { signal: this.#closing.signal });
      if (!this.isOpen) return;
      onRun(view);
      this.#again(refused);
    } catch (error) {
      if (!this.isOpen) return;
      const reason = toJobsError(error);
      if (isFinal(reason)) this.#end(reason);
      else this.#again(reason);
    }
  }

  #again(error: JobsError): void {
    if (!this.isOpen) return;
    this.#drop();
    if (this.#isParked) return; // it is opened again once drained
    const delayMs = this.#backoff.nextDelayMs();
    this.#timer = setTimeout(() => this.#open(), delayMs);
    this.#options.onRetry({ error, delayMs });
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #end(error?: JobsError): void {
    if (!this.isOpen) return;
    this.close(error);
    this.#options.onChange(error);
  }
}

/** Where to go on: an offset means something only within the log of its attempt. */
function logQuery({ nextOffset, attempt }: LogBuffer, from: LogStart | undefined): string {
  const only = from?.only === true ? "&only=1" : "";
  return `?log=${nextOffset}${attempt === undefined ? "" : `&attempt=${attempt}${only}`}`;
}

/** True for errors that the next try would meet again. */
export function isFinal(error: JobsError): boolean {
  return httpStatusOf(error.code) < 500 || error.code === "config-invalid";
}

function parseJson(text: string): { readonly type?: unknown } | undefined {
  try {
    return JSON.parse(text) as { readonly type?: unknown };
  } catch {
    return undefined;
  }
}
