/** A server on a real nats-server, asked over HTTP. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNats, type NatsFixture } from "@jobs/core/testing";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { ServerOptions } from "../config.ts";
import { startServer, type RunningServer } from "../server.ts";

const TOKEN = "test-token";

type Body = string | Uint8Array<ArrayBuffer>;

let nats: NatsFixture;
let directory: string;
let server: RunningServer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "jobs-server-"));
  nats = await startNats();
  server = await start();
});
afterAll(async () => {
  await server.stop();
  await nats[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const start = (change: Partial<ServerOptions> = {}): Promise<RunningServer> =>
  startServer({
    nats: { url: nats.url },
    host: "127.0.0.1",
    port: 0,
    tokens: [{ name: "tester", token: TOKEN }],
    secret: "0123456789abcdef",
    artifacts: { directory },
    ...change,
  });

/** A connection that keeps its own end open until it is ended here. */
async function dial({ url }: RunningServer) {
  const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1", allowHalfOpen: true });
  await once(socket, "connect");
  let answer = "";
  socket.setEncoding("utf8").on("data", (part: string) => void (answer += part));
  const ended = Promise.race(["end", "error"].map((event) => once(socket, event)));
  return { socket, answer: () => answer, ended };
}

/** The head of a POST of a pause whose body is to have so many bytes. */
const head = (contentLength: number, token: string): string =>
  `POST /v1/pause HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${contentLength}\r\n\r\n`;

/** What a POST is answered, and with how many bytes. */
async function post(path: string, body: Body, type?: string) {
  const response = await fetch(server.url + path, {
    method: "POST",
    body,
    headers: { authorization: `Bearer ${TOKEN}`, ...(type === undefined ? {} : { "content-type": type }) },
  });
  const answer = await response.text();
  const { error } = JSON.parse(answer) as { error?: { code: string; field?: string; message: string } };
  return { status: response.status, sizeBytes: answer.length, ...error };
}

test.each<[string, Body, string]>([
  ["a text", "x".repeat(100_000), "text/plain"],
  ["a JSON text", JSON.stringify("x".repeat(100_000)), "application/json"],
  ["a list", JSON.stringify(Array.from({ length: 100_000 }, () => 1)), "application/json"],
  ["nothing, as JSON", "null", "application/json"],
  ["a number", "7", "application/json"],
  ["bytes", new Uint8Array(100_000), "application/octet-stream"],
  ["a form", "note=x", "application/x-www-form-urlencoded"],
])("a body that is %s is no JSON object: a short answer says so", async (_, body, type) => {
  const answer = await post("/v1/pause", body, type);
  expect(answer).toMatchObject({ status: 400, code: "body-not-json" });
  expect(answer.sizeBytes).toBeLessThan(300);
});

test("a JSON object is taken whatever the client calls it", async () => {
  expect(await post("/v1/pause", JSON.stringify({ note: "as fetch sends a text" }))).toMatchObject({ status: 200 });
  expect(await post("/v1/resume", new TextEncoder().encode("{}"))).toMatchObject({ status: 200 }); // of no type
});

test.each(['{"note":"x","__proto__":{}}', '{"note":{"constructor":{"prototype":1}}}'])(
  "a body with a field that no object may have is refused by its name: %s",
  async (body) => {
    const answer = await post("/v1/pause", body);
    expect(answer).toMatchObject({ status: 400, code: "invalid-request", field: "__proto__" });
  },
);

test("of several fields that are not known only the first is named", async () => {
  const wrong = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`field${index}`, 1]));
  const answer = await post("/v1/pause", JSON.stringify(wrong));
  expect(answer).toMatchObject({ status: 400, code: "invalid-request", field: "field0" });
  expect(answer.sizeBytes).toBeLessThan(300);
});

test.each<[request: string, body: object | undefined, field: string]>([
  ["POST /v1/pause?note=x", {}, "note"],
  ["POST /v1/runs?name=a&script=true", { name: "a" }, "name"],
  ["POST /v1/runs?x=y", { name: "a", script: "true" }, "x"],
  ["POST /v1/runs/run00001/cancel", { run: "run00002" }, "run"],
  ["DELETE /v1/jobs/nightly", { history: "delete" }, "history"],
  ["DELETE /v1/jobs/nightly?name=other", undefined, "name"],
  ["GET /v1/runs?x=y", undefined, "x"],
  ["GET /v1/runs/run00001?run=run00002", undefined, "run"],
])("a field that is not where it belongs is refused: %s %j", async (request, body, field) => {
  const [method = "", path = ""] = request.split(" ");
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${TOKEN}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { code: "invalid-request", field } });
});

test("a request whose client offers another protocol than WebSocket is answered, and so is the next", async () => {
  const { socket, answer, ended } = await dial(server);
  const offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n";
  const note = JSON.stringify({ note: 1 });
  socket.write(head(note.length, TOKEN).replace("\r\n\r\n", `\r\n${offer}\r\n${note}`));
  await vi.waitFor(() => expect(answer()).toMatch(/^HTTP\/1.1 400 [^]*"field":"note"/));
  socket.end(`GET /healthz HTTP/1.1\r\nHost: x\r\n${offer}\r\n`);
  await ended;
  expect(answer()).toMatch(/HTTP\/1.1 200 OK[^]*"status":"ok"/);
});

const long = "x".repeat(5_000);

test.each([
  ["GET /v1/runs/%E0%A4%A HTTP/1.1", 400, "invalid-request"],
  ["GET /v1/runs/%zz HTTP/1.1", 400, "invalid-request"],
  [`GET /v1/runs/${long} HTTP/1.1`, 400, "invalid-request"],
  [`GET /v1/runs/${long.repeat(10)} HTTP/1.1`, 400, "invalid-request"],
  ["BREW /v1/runs HTTP/1.1", 400, "invalid-request"],
  ["PROPFIND /v1/runs HTTP/1.1", 404, "operation-unknown"],
  ["PUT /v1/runs HTTP/1.1", 404, "operation-unknown"],
  ["GET /v1/runs HTTP/7.1", 400, "invalid-request"],
  ["what is this", 400, "invalid-request"],
  ["POST /v1/pause HTTP/1.1\r\nContent-Type: none\r\nContent-Length: 2", 400, "invalid-request"],
  ["POST /v1/pause HTTP/1.1\r\nContent-Length: -1", 400, "invalid-request"],
])("whatever cannot be read as a request is answered in the shape of all errors: %#", async (head, status, code) => {
  const { socket, answer, ended } = await dial(server);
  const body = head.includes("Content-Type") ? "{}" : "";
  socket.write(`${head}\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n\r\n${body}`);
  await ended;
  const [first = "", ...rest] = answer().split("\r\n");
  expect(first).toContain(` ${status} `);
  const { error } = JSON.parse(rest.at(-1) ?? "") as { error: { code: string; message: string } };
  expect(error).toMatchObject({ code, message: expect.stringMatching(/^[A-Z].*\.$/) as string });
  socket.destroy();
});

test("an upgrade that is refused ends its connection, though the client keeps its own end open", async () => {
  const own = await start();
  const { socket, answer, ended } = await dial(own);
  socket.write("GET /v1/runs/x/follow HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  await ended;
  expect(answer()).toContain("401 Unauthorized");
  await own.stop(); // it waits for every connection
  socket.destroy();
});

test("a wrong token is refused before the body has come", async () => {
  const { socket, answer } = await dial(server);
  socket.write(head(1_000_000, "wrong"));
  await expect.poll(answer).toContain("401 Unauthorized");
  socket.destroy();
});

test.each([
  [TOKEN, "400 Bad Request"],
  ["wrong", "401 Unauthorized"],
])("a body that does not come in time costs its sender the connection: token %s", async (token, status) => {
  await using own = await start({ bodyTimeoutMs: 200 });
  const { socket, answer, ended } = await dial(own);
  socket.write(`${head(1_000_000, token)}{`);
  await ended;
  expect(answer()).toContain(status);
  socket.destroy();
});

test("a server that is to stop says so for a while, and still answers", async () => {
  const own = await start({ stopDelayMs: 1_000 });
  const health = () => fetch(`${own.url}/healthz`).then(async (one) => [one.status, await one.json()]);
  await expect.poll(health).toMatchObject([200, { status: "ok" }]);
  const stopped = own.stop();
  expect(await health()).toMatchObject([503, { status: "stopping" }]);
  expect((await fetch(`${own.url}/v1/runs`, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200);
  await stopped;
  await expect(fetch(own.url)).rejects.toThrow();
});

test("what is in flight is decided and answered although the server stops; a new connection is refused", async () => {
  await using only = await startNats();
  await using own = await start({ nats: { url: only.url } });
  await expect.poll(() => fetch(`${own.url}/healthz`).then((one) => one.json())).toMatchObject({ deciding: own.id });
  const body = JSON.stringify({ note: "slow" });
  const { socket, answer, ended } = await dial(own);
  socket.write(head(body.length, TOKEN).replace("Host: x", "Host: x\r\nExpect: 100-continue"));
  await expect.poll(answer).toContain("100 Continue");
  const stopped = own.stop();
  await expect.poll(() => fetch(own.url).catch((error: Error) => String(error.cause))).toContain("ECONNREFUSED");
  socket.write(body);
  await ended;
  expect(answer()).toMatch(/200 OK[^]*"note":"slow"/);
  await stopped;
  socket.destroy();
});

test("a request that does not end keeps a server from stopping for some seconds only", async () => {
  const own = await start();
  const { socket, answer, ended } = await dial(own);
  socket.write(head(10, TOKEN).replace("Host: x", "Host: x\r\nExpect: 100-continue"));
  await expect.poll(answer).toContain("100 Continue");
  await own.stop();
  await ended;
  expect(answer()).not.toContain("200 OK");
  socket.destroy();
});
