import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runInNewContext } from "node:vm";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import * as browserDoor from "./index.ts";
import * as nodeDoor from "./node.ts";
import { startContractServer, viewOf } from "./testing/index.ts";

const SUBMIT = `
  import { connect } from "@jobs/sdk";
  globalThis.tool = async (options) => {
    const run = await connect(options).submitJob({ name: "nightly", script: "echo hi" });
    let log = "";
    for await (const { text } of run.logs()) log += text;
    return JSON.stringify({ log, state: (await run.result()).state });
  };
`;

async function bundle(contents: string, platform: "browser" | "node") {
  const resolveDir = fileURLToPath(new URL("..", import.meta.url));
  return await build({
    stdin: { contents, resolveDir },
    bundle: true,
    write: false,
    metafile: true,
    format: platform === "browser" ? "iife" : "esm",
    platform,
    conditions: ["@jobs/source"],
    logLevel: "silent",
  });
}

function startServer() {
  const ended = viewOf({
    state: "completed",
    times: { submittedAt: "2026-11-23T10:00:00.000Z", endedAt: "2026-11-23T10:00:01.000Z" },
  });
  return startContractServer({
    answer: () => ({ status: 201, body: { run: viewOf(), known: false } }),
    follow: (socket) => {
      socket.sendLog(0, Buffer.from("hi\n"));
      socket.send({ type: "run", run: ended });
      socket.send({ type: "log-end", lengthBytes: 3, complete: true });
    },
  });
}

test("a browser's bundle has nothing of Node and works with what a browser has", async () => {
  const { metafile, outputFiles } = await bundle(SUBMIT, "browser");
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports.map(({ path }) => path));
  expect(imports.filter((path) => path.startsWith("node:"))).toEqual([]);
  const foreign = Object.keys(metafile.inputs).filter((path) =>
    /node_modules\/(ws|@nats-io|fastify)\/|node(-transport)?\.ts$/.test(path),
  );
  expect(foreign).toEqual([]);

  await using server = await startServer();
  const browser: Record<string, unknown> = {
    fetch,
    WebSocket,
    AbortController,
    AbortSignal,
    URL,
    URLSearchParams,
    TextDecoder,
    TextEncoder,
    TransformStream,
    DOMException,
    crypto,
    performance,
    queueMicrotask,
    setTimeout,
    clearTimeout,
    Uint8Array,
    ArrayBuffer,
  };
  browser["globalThis"] = browser;
  runInNewContext(outputFiles[0]?.text ?? "", browser);
  const tool = browser["tool"] as (options: object) => Promise<string>;
  const { url, token } = server;
  expect(JSON.parse(await tool({ url, token }))).toEqual({ log: "hi\n", state: "completed" });
});

test("the same import works in a process of Node, which then ends by itself", async () => {
  const { outputFiles } = await bundle(`${SUBMIT} console.log(await globalThis.tool());`, "node");
  await using server = await startServer();
  const env = { ...process.env, JOBS_URL: server.url, JOBS_TOKEN: server.token };
  const source = `import { createRequire } from "node:module"; const require = createRequire("file:///");\n${outputFiles[0]?.text}`;
  const child = promisify(execFile)(process.execPath, ["--input-type=module"], { env, timeout: 20_000 });
  child.child.stdin?.end(source);
  expect(JSON.parse((await child).stdout)).toEqual({ log: "hi\n", state: "completed" });
});

test("both doors have the same names", () => {
  const same: typeof browserDoor = nodeDoor;
  expect(Object.keys(same)).toEqual(expect.arrayContaining(Object.keys(browserDoor)));
});
