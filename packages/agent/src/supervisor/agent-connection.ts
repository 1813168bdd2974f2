import type { Socket } from "node:net";
import { readJsonLines, writeJsonLine } from "./json-lines.ts";
import type { AgentToSupervisor, SupervisorToAgent } from "./protocol.ts";

/** An agent that does not read must not make this process grow with the log of a script. */
const OUTPUT_BACKLOG_BYTES = 64 * 1024;

export type AgentHello = Extract<AgentToSupervisor, { readonly type: "hello" }>;

/** What may follow a `hello`. */
export type AgentRequest = Exclude<AgentToSupervisor, AgentHello>;

type Output = Extract<SupervisorToAgent, { type: "output" }>;

/** A connection that said `hello`; ends by `close` from this side or by the agent. */
export class AgentConnection {
  readonly session: string;
  readonly #socket: Socket;
  /** Only the newest length of each log matters: the bytes that came along with others are in the spool. */
  readonly #waitingOutput = new Map<string, Output>();

  constructor(socket: Socket, session: string) {
    this.session = session;
    this.#socket = socket;
    socket.on("drain", () => this.#sendWaitingOutput());
  }

  send(message: SupervisorToAgent): void {
    if (message.type !== "output") {
      // What was held back of a log comes before the end of it.
      this.#sendWaitingOutput();
      writeJsonLine(this.#socket, message);
    } else if (this.#socket.writableLength > OUTPUT_BACKLOG_BYTES) {
      this.#waitingOutput.set(`${message.run}.${message.attempt}`, message);
    } else {
      writeJsonLine(this.#socket, message);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #sendWaitingOutput(): void {
    for (const message of this.#waitingOutput.values()) writeJsonLine(this.#socket, message);
    this.#waitingOutput.clear();
  }
}

/**
 * Reads what agents say on a new socket. Before its `hello` nothing else is listened to; `onMessage` gets every message
 * behind it, as long as the socket lives: a destroyed one says nothing any more, read or unread.
 */
export function serveAgentSocket(
  socket: Socket,
  hooks: {
    readonly onHello: (hello: AgentHello) => AgentConnection;
    readonly onMessage: (connection: AgentConnection, message: AgentRequest) => void;
    readonly onClosed: (connection: AgentConnection) => void;
  },
): void {
  let connection: AgentConnection | undefined;
  readJsonLines(socket, (line) => {
    // The agent is of the same user and package, and the version was settled by the hello.
    const message = line as AgentToSupervisor;
    if (message.type === "hello") connection = hooks.onHello(message);
    else if (connection !== undefined) hooks.onMessage(connection, message);
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    if (connection !== undefined) hooks.onClosed(connection);
  });
}
