import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { JobsClient } from "./client.ts";
import { connect } from "./node.ts";
import { startContractServer, viewOf } from "./testing/index.ts";
import { webTransport } from "./web-transport.ts";

const content = randomBytes(3_000_000);
const sha256 = createHash("sha256").update(content).digest("hex");

async function startWith(served: Uint8Array) {
  const times = {
    submittedAt: "2026-11-23T10:00:00.000Z",
    endedAt: "2026-11-23T10:01:00.000Z",
    settledAt: "2026-11-23T10:01:01.000Z",
  };
  const artifacts = [{ name: "out/a b#.bin", sizeBytes: content.length, sha256 }];
  const view = viewOf({ state: "completed", times, output: { location: "x", artifacts } });
  return await startContractServer({ answer: ({ path }) => (path.includes("/artifacts/") ? served : { body: view }) });
}

test("an artifact is fetched as bytes, stream and file", async () => {
  await using server = await startWith(content);
  const folder = await mkdtemp(join(tmpdir(), "sdk-"));
  const [artifact] = await (await connect(server).run("abcdefgh12345678")).artifacts();
  expect(artifact).toMatchObject({ name: "out/a b#.bin", sizeBytes: content.length, sha256 });
  expect(Buffer.compare(content, (await artifact?.bytes()) ?? Buffer.of())).toBe(0);
  await artifact?.toFile(join(folder, "a.bin"));
  expect(Buffer.compare(content, await readFile(join(folder, "a.bin")))).toBe(0);
  const parts: Uint8Array[] = [];
  await artifact?.toStream(new WritableStream({ write: (part) => void parts.push(part) }));
  expect(Buffer.compare(content, Buffer.concat(parts))).toBe(0);
  expect(server.requests.at(-1)?.path).toBe("/v1/runs/abcdefgh12345678/artifacts/out/a%20b%23.bin");
});

test("a file may have the longest name that there is", async () => {
  await using server = await startWith(content);
  const folder = await mkdtemp(join(tmpdir(), "sdk-"));
  const [artifact] = await (await connect(server).run("abcdefgh12345678")).artifacts();
  await artifact?.toFile(join(folder, "n".repeat(255)));
  expect(await readdir(folder)).toEqual(["n".repeat(255)]);
});

const changed = Buffer.from(content);
changed[1_500_000] = (changed[1_500_000] ?? 0) ^ 1;

test.each([
  ["changed", changed],
  ["cut", content.subarray(0, -1)],
  ["too long", Buffer.concat([content, Buffer.of(0)])],
])("content that was %s ends with an error and leaves no file", async (_, served) => {
  await using server = await startWith(served);
  const folder = await mkdtemp(join(tmpdir(), "sdk-"));
  const [artifact] = await (await connect(server).run("abcdefgh12345678")).artifacts();
  await expect(artifact?.bytes()).rejects.toMatchObject({ name: "JobsError" });
  await expect(artifact?.toFile(join(folder, "a.bin"))).rejects.toMatchObject({ name: "JobsError" });
  expect(await readdir(folder)).toEqual([]);
});

test("a browser checks the content, too, and has no files", async () => {
  await using server = await startWith(changed);
  const [artifact] = await (await new JobsClient(server, webTransport).run("abcdefgh12345678")).artifacts();
  await expect(artifact?.bytes()).rejects.toMatchObject({ name: "JobsError" });
  await expect(artifact?.toFile("/tmp/x")).rejects.toMatchObject({ code: "config-invalid" });
});
