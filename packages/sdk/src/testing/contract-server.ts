import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
/** A server made from the contracts alone: the test says what it answers, and when a connection breaks. */
import { encodeLogFrame, FOLLOW_PROTOCOL, TOKEN_PROTOCOL_PREFIX, type RunView, type ServerFrame } from "@jobs/core";
import { WebSocketServer, type WebSocket } from "ws";

/** One HTTP request as it came. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  readonly body: Record<string, unknown> | undefined;
}

/** What to answer; `cut` closes the connection without a word. */
export type Answer = { readonly status?: number; readonly body: unknown } | Uint8Array | "cut";

/** The server's side of a follow socket. */
export interface FollowSocket {
  readonly run: string;
  /** The offset asked for; undefined when no log was asked for. */
  readonly from: number | undefined;
  /** The attempt that the offset is of, when the client names one. */
  readonly attempt: number | undefined;
  /** The log of that attempt alone is asked for. */
  readonly only: boolean;
  send(frame: ServerFrame): void;
  /** Of the first attempt, unless another one is named. */
  sendLog(offset: number, bytes: Uint8Array, attempt?: number): void;
  /** A frame as it is, of whatever kind. */
  sendBytes(frame: Uint8Array): void;
  close(code: number): void;
  /** Breaks the connection without a closing handshake. */
  cut(): void;
  /** Bytes that wait in the server for the reader. */
  bufferedBytes(): number;
  readonly closed: Promise<void>;
}

interface ContractServerOptions {
  readonly answer?: (request: Request) => Answer | Promise<Answer>;
  readonly follow?: (socket: FollowSocket) => void;
  /** Refuses the WebSocket with this HTTP status. */
  readonly refuseFollow?: () => number | undefined;
}

export interface ContractServer extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly requests: Request[];
  /** All follow sockets that were opened, in order. */
  readonly sockets: FollowSocket[];
  /** Sockets that are open now. */
  openSockets(): number;
}

const TOKEN = "test-token";

/** Starts a server on a free port of this machine. */
export async function startContractServer(options: ContractServerOptions = {}): Promise<ContractServer> {
  const requests: Request[] = [];
  const sockets: FollowSocket[] = [];
  const http = createServer((incoming, response) => {
    void readRequest(incoming).then(async (request) => {
      requests.push(request);
      const unknown = { status: 404, body: { error: { code: "run-unknown", message: "There is no such run." } } };
      reply(response, (await options.answer?.(request)) ?? unknown);
    });
  });
  const ws = new WebSocketServer({ noServer: true, handleProtocols: () => FOLLOW_PROTOCOL });
  http.on("upgrade", (request, socket, head) => {
    const status = options.refuseFollow?.() ?? (hasToken(request) ? undefined : 401);
    if (status !== undefined) return void socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
    ws.handleUpgrade(request, socket, head, (opened) => {
      const follow = followSocket(request, opened);
      sockets.push(follow);
      options.follow?.(follow);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    token: TOKEN,
    requests,
    sockets,
    openSockets: () => ws.clients.size,
    [Symbol.asyncDispose]: async () => {
      for (const client of ws.clients) client.terminate();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

/** A view of a run that runs, changed as the test needs. */
export function viewOf(changes: Partial<RunView> = {}): RunView {
  return {
    run: "abcdefgh12345678",
    job: "nightly",
    state: "running",
    sentence: "Running on web-1.",
    on: "web-1",
    overlap: "reject",
    priority: 5,
    submittedBy: "ada",
    times: { submittedAt: "2026-11-23T10:00:00.000Z", ...changes.times },
    ...changes,
  };
}

function hasToken(request: IncomingMessage): boolean {
  return request.headers["sec-websocket-protocol"]?.includes(TOKEN_PROTOCOL_PREFIX + TOKEN) ?? false;
}

function followSocket(request: IncomingMessage, socket: WebSocket): FollowSocket {
  const url = new URL(request.url ?? "", "http://server");
  const from = url.searchParams.get("log");
  const of = url.searchParams.get("attempt");
  return {
    run: url.pathname.split("/")[3] ?? "",
    from: from === null ? undefined : Number(from),
    attempt: of === null ? undefined : Number(of),
    only: url.searchParams.has("only"),
    send: (frame) => socket.send(JSON.stringify(frame)),
    sendLog: (offset, bytes, attempt = 1) => socket.send(encodeLogFrame({ attempt, offset, bytes })),
    sendBytes: (frame) => socket.send(frame),
    close: (code) => socket.close(code),
    cut: () => socket.terminate(),
    bufferedBytes: () => socket.bufferedAmount,
    closed: new Promise((resolve) => socket.once("close", () => resolve())),
  };
}

async function readRequest(incoming: IncomingMessage): Promise<Request> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  const url = new URL(incoming.url ?? "", "http://server");
  return {
    method: incoming.method ?? "",
    path: url.pathname,
    query: url.searchParams,
    authorization: incoming.headers.authorization,
    body: text === "" ? undefined : (JSON.parse(text) as Record<string, unknown>),
  };
}

function reply(response: ServerResponse, answer: Answer): void {
  if (answer === "cut") return void response.destroy();
  if (answer instanceof Uint8Array) return void response.writeHead(200).end(answer);
  response.writeHead(answer.status ?? 200, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
}
