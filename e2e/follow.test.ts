import { createHash } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { decodeLogFrame, FOLLOW_PROTOCOL, TOKEN_PROTOCOL_PREFIX } from "@jobs/core";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { freshName, startStack, TOKEN, type Stack } from "./support/stack.ts";

let stack: Stack;
const logged: string[] = [];
beforeAll(async () => {
  const log = pino({ level: "info" }, { write: (line: string) => void logged.push(line) });
  stack = await startStack({ slowReaderMs: 500, log });
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

/** `count` lines of 80 bytes, each with its number; a pty makes CRLF of each end. */
const lines = (count: number): string => `awk 'BEGIN { for (i = 0; i < ${count}; i++) printf "%079d\\n", i }'`;
const textOf = (count: number): string =>
  Array.from({ length: count }, (_, index) => `${String(index).padStart(79, "0")}\r\n`).join("");
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
/** What buffers in use hold in this process, the server's and the reader's, bytes. */
function bytesHeld(): number {
  collectGarbage();
  collectGarbage(); // buffers the first found unused are counted until the next
  return process.memoryUsage().arrayBuffers;
}
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

test("all bytes come from any offset, after the end as while it runs", async () => {
  const until = join(stack.directory, "until-1");
  const run = await stack.client.submitJob({
    name: freshName(),
    script: `${lines(2000)}; while [ ! -e ${until} ]; do sleep 0.01; done; echo end`,
    on: "alpha",
  });
  const whole = `${textOf(2000)}end\r\n`;
  const live = collect(run.id, 100_000);
  await writeFile(until, "");
  expect(await live).toBe(whole.slice(100_000));
  await run.settled();
  for (const from of [0, 1, 80, 81, whole.length - 1, whole.length, whole.length + 10])
    expect(await collect(run.id, from)).toBe(whole.slice(from));
  expect(run.view.output?.log).toEqual({ lengthBytes: whole.length, sha256: sha256(whole), complete: true });
});

test("200 MB would be too long here: 20 MB arrive whole, in order, and hash to what the host says", async () => {
  const run = await stack.client.submitJob({ name: freshName(), script: lines(250_000), on: "alpha" });
  const hash = createHash("sha256");
  let length = 0;
  for await (const { bytes, offset } of run.logs()) {
    expect(offset).toBe(length);
    length += bytes.length;
    hash.update(bytes);
  }
  const digest = hash.digest("hex");
  expect(length).toBe(250_000 * 81);
  expect(digest).toBe(sha256(textOf(250_000)));
  expect(run.log).toMatchObject({ complete: true, lengthBytes: length, sha256: digest });
});

test("bytes that are not UTF-8 arrive as they were printed", async () => {
  const run = await stack.client.submitJob({
    name: freshName(),
    script: String.raw`printf '\xff\xfe\xe2\x82'`,
    on: "alpha",
  });
  const bytes: number[] = [];
  for await (const chunk of run.logs()) bytes.push(...chunk.bytes);
  expect(bytes).toEqual([0xff, 0xfe, 0xe2, 0x82]);
});

test("a reader that takes nothing is cut off, has what it took in order, and comes back with the offset it reached", async () => {
  const run = await stack.client.submitJob({ name: freshName(), script: lines(500_000), on: "alpha" });
  await run.settled();
  const before = bytesHeld();
  const socket = open(run.id, 0);
  let reached = 0;
  let most = 0;
  const paused = new Promise<void>((resolve) => {
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      if (isBinary) reached = decodeLogFrame(data).offset + decodeLogFrame(data).bytes.length;
      if (reached > 1_000_000 && !hasPaused) socket.pause();
      if (socket.isPaused && !hasPaused) resolve();
      hasPaused ||= socket.isPaused;
    });
  });
  let hasPaused = false;
  const watch = setInterval(() => (most = Math.max(most, bytesHeld() - before)), 100);
  const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => undefined); // the server ends the connection under bytes that are still on their way
  await paused;
  await expect.poll(() => logged.join(""), { timeout: 30_000 }).toContain("a reader that takes nothing is cut off");
  // Only when this reader takes what the kernel holds for it can it see that the server has left.
  socket.resume();
  await gone;
  clearInterval(watch);
  expect(most).toBeLessThan(10_000_000); // of 40 MB
  expect(reached).toBeLessThan(500_000 * 81);
  expect(await collect(run.id, reached)).toBe(textOf(500_000).slice(reached));
});

test("a follower of a run that never started gets its states, an empty log, and the end", async () => {
  const name = freshName();
  const request = { name, script: "echo never", on: "alpha" };
  await stack.agents[0]?.stop();
  const run = await stack.client.submitJob(request);
  const log = collect(run.id, 0);
  await run.cancel();
  await stack.startAgent("alpha");
  expect(await run.result()).toMatchObject({ state: "cancelled", reason: "cancelled-by" });
  expect(await log).toBe("");
});

test("a reader that is slower than the script gets every byte in order while it runs", async () => {
  const until = join(stack.directory, "until-2");
  const script = `${lines(150_000)}; while [ ! -e ${until} ]; do sleep 0.01; done`;
  const run = await stack.client.submitJob({ name: freshName(), script, on: "alpha" });
  const socket = open(run.id, 0);
  let next = 0;
  const hash = createHash("sha256");
  const whole = new Promise<void>((resolve, reject) => {
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      if (!isBinary) return;
      const { offset, bytes } = decodeLogFrame(data);
      if (offset !== next) reject(new Error(`a gap: ${offset} instead of ${next}`));
      next += bytes.length;
      hash.update(bytes);
      if (next === 150_000 * 81) resolve();
      // Takes a piece, then nothing for a moment: less than the script prints, more than a reader that is cut off.
      socket.pause();
      setTimeout(() => socket.resume(), 10);
    });
  });
  await whole;
  expect(hash.digest("hex")).toBe(sha256(textOf(150_000)));
  await writeFile(until, "");
  expect(await run.result()).toMatchObject({ state: "completed" });
  socket.close();
});

test("following an unknown run, with a wrong token, or from a wrong offset is refused", async () => {
  await expect(refusal("zzzzzzzzzzzzzzzzzzzzz", 0, TOKEN)).resolves.toBe("error run-unknown");
  await expect(refusal("zzzzzzzzzzzzzzzzzzzzz", 0, "wrong")).resolves.toBe("HTTP 401");
  await expect(refusal("zzzzzzzzzzzzzzzzzzzzz", -1, TOKEN)).resolves.toBe("HTTP 400");
});

function open(run: string, from: number, token = TOKEN): WebSocket {
  const url = `${stack.servers[0]?.url.replace("http", "ws")}/v1/runs/${run}/follow?log=${from}`;
  return new WebSocket(url, [FOLLOW_PROTOCOL, `${TOKEN_PROTOCOL_PREFIX}${token}`]);
}

/** The log from an offset as the bare protocol gives it. */
async function collect(run: string, from: number): Promise<string> {
  const socket = open(run, from);
  const parts: Buffer[] = [];
  let next = from;
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    if (!isBinary) return;
    const { offset, bytes } = decodeLogFrame(data);
    if (offset !== next) throw new Error(`a gap: ${offset} instead of ${next}`);
    next += bytes.length;
    parts.push(Buffer.from(bytes));
  });
  const [code] = (await once(socket, "close")) as [number];
  expect(code).toBe(1000);
  return Buffer.concat(parts).toString();
}

function refusal(run: string, from: number, token: string): Promise<string> {
  const socket = open(run, from, token);
  return new Promise((resolve) => {
    socket.on("unexpected-response", (_request, response) => resolve(`HTTP ${response.statusCode}`));
    socket.on("error", () => undefined);
    socket.on("message", (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as { type: string; error?: { code: string } };
      resolve(`${frame.type} ${frame.error?.code}`);
    });
  });
}
