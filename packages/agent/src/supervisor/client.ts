import type { Socket } from "node:net";
import { readJsonLines, writeJsonLine } from "./json-lines.ts";
import {
  SUPERVISOR_PROTOCOL,
  type AgentToSupervisor,
  type AttemptKey,
  type AttemptSpec,
  type AttemptStatus,
  type Fence,
  type HostEnvironment,
  type Refusal,
  type SpoolGrowth,
  type SupervisorHello,
  type SupervisorToAgent,
} from "./protocol.ts";

/** What the agent hears from the supervisor, in order, from its `hello` on. */
export interface SupervisorListener {
  /** Comes first, once, and within the turn that read it: what the supervisor says next may be in the same piece. */
  readonly onHello: (client: SupervisorClient) => void;
  readonly onStatus: (status: AttemptStatus) => void;
  readonly onOutput: (run: string, attempt: number, growth: SpoolGrowth) => void;
  /** It answered a beat; see `answersBeats` of its `hello`. */
  readonly onBeat?: () => void;
  /** The connection is gone, by `close`, by a newer agent connection, or with the supervisor. Comes once. */
  readonly onClosed: () => void;
}

export interface GreetOptions {
  readonly session: string;
  readonly environment: HostEnvironment;
  readonly answerLimitMs?: number | undefined;
}

/** A supervisor that owes an answer for longer is taken for hung. */
export const ANSWER_LIMIT_MS = 15_000;

/** The supervisor took the connection, or its system did, and said nothing. */
export class SupervisorHungError extends Error {
  readonly code = "SUPERVISOR_HUNG";

  constructor() {
    super("the supervisor does not answer: it hangs or is stopped; let it go on (SIGCONT), or kill it");
  }
}

/** The supervisor speaks another version of the protocol: it was started by another generation of the agent. */
export class SupervisorProtocolError extends Error {
  readonly code = "SUPERVISOR_PROTOCOL";
  readonly hello: SupervisorHello;

  constructor(hello: SupervisorHello) {
    super(`the supervisor (${hello.generation}) speaks protocol ${hello.protocol}, not ${SUPERVISOR_PROTOCOL}`);
    this.hello = hello;
  }
}

/**
 * The agent's side of the connection. Nothing here waits for an answer: what a request did is heard as a status, and a
 * request whose answer was lost with a connection is simply made again on the next one.
 */
export class SupervisorClient {
  readonly hello: SupervisorHello;
  readonly #socket: Socket;

  private constructor(socket: Socket, hello: SupervisorHello) {
    this.#socket = socket;
    this.hello = hello;
  }

  /**
   * Says `hello` on a connected socket.
   *
   * @throws SupervisorProtocolError
   * @throws SupervisorHungError
   * @throws when the connection ends before the answer
   */
  static async greet(
    socket: Socket,
    { session, environment, answerLimitMs = ANSWER_LIMIT_MS }: GreetOptions,
    listener: SupervisorListener,
  ): Promise<SupervisorClient> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => {
        reject(new SupervisorHungError());
        socket.destroy();
      }, answerLimitMs);
      let isGreeted = false;
      let closeError: Error | undefined;
      readJsonLines(socket, (line) => {
        const message = line as SupervisorToAgent;
        if (message.type === "hello") {
          clearTimeout(limit);
          isGreeted = message.protocol === SUPERVISOR_PROTOCOL;
          if (isGreeted) {
            const client = new SupervisorClient(socket, message);
            listener.onHello(client);
            return resolve(client);
          }
          reject(new SupervisorProtocolError(message));
          socket.destroy();
        } else if (message.type === "status") listener.onStatus(message.status);
        else if (message.type === "beat") listener.onBeat?.();
        else listener.onOutput(message.run, message.attempt, growthOf(message));
      });
      socket.on("error", (error) => (closeError = error));
      socket.on("close", () => {
        clearTimeout(limit);
        if (isGreeted) listener.onClosed();
        else reject(new Error("the supervisor closed the connection", { cause: closeError }));
      });
      const hello = { type: "hello", protocol: SUPERVISOR_PROTOCOL, session, environment } satisfies AgentToSupervisor;
      writeJsonLine(socket, hello);
    });
  }

  start(spec: AttemptSpec): void {
    this.#send({ type: "start", spec });
  }

  /** Journals that this host will not start the attempt. */
  refuse(attempt: AttemptKey, fence: Fence, refusal: Refusal): void {
    this.#send({ type: "refuse", attempt, fence, refusal });
  }

  cancel(attempt: AttemptKey, fence: Fence, graceMs: number): void {
    this.#send({ type: "cancel", attempt, fence, graceMs });
  }

  /** A beat sent at this instant of the boot clock was acknowledged. */
  beat(sentAtBootMs: number): void {
    this.#send({ type: "beat", sentAtBootMs });
  }

  release(run: string, attempt: number): void {
    this.#send({ type: "release", run, attempt });
  }

  /** Ends every attempt and the supervisor; `onClosed` comes when that is done. */
  stop(graceMs: number): void {
    this.#send({ type: "stop", graceMs });
  }

  /** Leaves; the supervisor and its attempts go on. */
  close(): void {
    this.#socket.destroy();
  }

  #send(message: AgentToSupervisor): void {
    writeJsonLine(this.#socket, message);
  }
}

function growthOf({ lengthBytes, bytes }: Extract<SupervisorToAgent, { type: "output" }>): SpoolGrowth {
  return bytes === undefined ? { lengthBytes } : { lengthBytes, bytes: Buffer.from(bytes, "base64") };
}
