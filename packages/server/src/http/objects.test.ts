import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { artifactKey, FileStore } from "@jobs/core/artifacts";
import { fastify } from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { finishedRun, sampleAttempt } from "../testing/sample-run.ts";
import { runsWith } from "../testing/sample-runs.ts";
import { Auth } from "./auth.ts";
import { registerObjectRoutes } from "./objects.ts";

const TOKEN = "secret-of-ada";
const BYTES = Buffer.from("what the first try left");

test("the files of a run whose last attempt was refused are those of the one before, and can be fetched", async () => {
  const directory = await mkdtemp(join(tmpdir(), "jobs-objects-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const store = new FileStore({ directory, secret: "s", now: Date.now, baseUrl: () => "" });
  const file = { name: "a.txt", sizeBytes: BYTES.length, sha256: createHash("sha256").update(BYTES).digest("hex") };
  const first = sampleAttempt({ exit: { exitCode: 3 }, retryAt: "2026-03-01T12:00:01.000Z" });
  const refused = sampleAttempt({ number: 2, refusal: { code: "no-room", message: "No room." } });
  const run = finishedRun({
    state: "failed",
    reason: "exit",
    attempts: [first, refused],
    output: {
      location: "here",
      attempts: [{ attempt: 1, log: { lengthBytes: 0, complete: true }, artifacts: [file] }],
    },
  });
  await store.put(artifactKey({ job: run.job, run: run.run, attempt: 1 }, file.name), Readable.from([BYTES]), file);
  const runs = runsWith(() => Promise.resolve());
  runs.onFinished(run, 1);
  const auth = new Auth([{ name: "ada", token: TOKEN }]);
  await using app = fastify();
  registerObjectRoutes(app, { artifacts: store, secret: "s", auth, runs, nowMs: Date.now });
  const get = (query: string): Promise<{ statusCode: number; body: string }> =>
    app.inject({
      url: `/v1/runs/${run.run}/artifacts/${file.name}${query}`,
      headers: { authorization: `Bearer ${TOKEN}` },
    });

  expect(await get("")).toMatchObject({ statusCode: 200, body: BYTES.toString() });
  expect(await get("?attempt=1")).toMatchObject({ statusCode: 200, body: BYTES.toString() });
  for (const other of ["?attempt=2", "?attempt=x", "?attempt=1&attempt=1", "?attemp=1"])
    expect((await get(other)).statusCode).not.toBe(200);
});
