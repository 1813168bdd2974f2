import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { JobsError } from "@jobs/core";
import { expect, test } from "vitest";
import type { CliIo } from "./io.ts";
import { readJobsFile } from "./jobs-file.ts";

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}

function ioWith(text: string): CliIo {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  return { stdin: bytesOf(text), stdout, stderr, env: {}, interrupt: new AbortController().signal };
}

const read = (text: string) => readJobsFile("-", ioWith(text));
const errorOf = (text: string): Promise<JobsError> =>
  read(text).then(
    () => expect.unreachable(),
    (error: JobsError) => error,
  );

test("YAML with anchors, merges and all kinds of texts; JSON is YAML", async () => {
  const { set, jobs } = await read(`
set: web
jobs:
  a: &a { task: &task { script: "true", on: web-1 }, policy: { overlap: queue } }
  yes: { <<: *a, policy: {} }
  12: { task: { <<: *task, env: { A: "1" } } }
`);
  expect(set).toBe("web");
  expect(jobs).toEqual({
    a: { task: { script: "true", on: "web-1" }, policy: { overlap: "queue" } },
    yes: { task: { script: "true", on: "web-1" }, policy: {} },
    "12": { task: { script: "true", on: "web-1", env: { A: "1" } } },
  });
  expect((await read('{"jobs":[{"name":" a ","task":{"script":"true"}}]}')).jobs).toEqual({
    a: { task: { script: "true" } },
  });
});

test("scripts are read beside the file, exactly; one that is no text is refused", async () => {
  const folder = await mkdtemp(join(tmpdir(), "jobs-file-"));
  try {
    await writeFile(join(folder, "a.sh"), "echo a\r\n\t");
    await writeFile(join(folder, "b.sh"), Buffer.from([0xff, 0xfe]));
    const file = join(folder, "jobs.yaml");
    await writeFile(file, "jobs: { a: { task: { scriptFile: ./a.sh } } }");
    expect((await readJobsFile(file, ioWith(""))).jobs).toEqual({ a: { task: { script: "echo a\r\n\t" } } });
    await writeFile(file, "jobs:\n  b:\n    task:\n      scriptFile: b.sh");
    await expect(readJobsFile(file, ioWith(""))).rejects.toMatchObject({
      code: "invalid-request",
      field: "jobs.b.task.scriptFile",
      message: expect.stringMatching(/jobs\.yaml:4: .*not text in UTF-8/) as string,
    });
    await expect(readJobsFile(join(folder, "none.yaml"), ioWith(""))).rejects.toMatchObject({
      code: "invalid-request",
      field: "file",
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("what is wrong has its line, also where the name alone is there, in a list, and of a name with dots", async () => {
  expect(await errorOf("jobs:\n  a.b 1:\n    task:\n      script: 5")).toMatchObject({
    field: "jobs.a.b 1.task.script",
    message: expect.stringMatching(/^Standard input:4: /) as string,
  });
  expect((await errorOf("jobs:\n  - name: a\n  - task: {}")).message).toMatch(/^Standard input:3: jobs\[1\]\.task: /);
  expect((await errorOf("jobs:\n  a:\n    policy:\n      overlap:")).message).toMatch(/^Standard input:4: /);
});

test("a few lines that stand for very much are refused", async () => {
  const levels = Array.from(
    { length: 12 },
    (_, at) => `l${at + 1}: &l${at + 1} [${Array(9).fill(`*l${at}`).join(", ")}]`,
  );
  const bomb = ["l0: &l0 [x]", ...levels, "jobs: {}"].join("\n");
  expect(await errorOf(bomb)).toMatchObject({ code: "invalid-request", field: "file" });
});
