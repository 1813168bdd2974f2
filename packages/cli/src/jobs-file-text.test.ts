import { PassThrough } from "node:stream";
import type { ExportedJobs } from "@jobs/sdk";
import fc from "fast-check";
import { expect, test } from "vitest";
import { jobsFileText } from "./jobs-file-text.ts";
import { readJobsFile } from "./jobs-file.ts";

/** The file as `jobs apply` reads it. */
async function readBack(exported: ExportedJobs): Promise<ExportedJobs> {
  async function* stdin(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(Buffer.from(jobsFileText(exported)));
  }
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io = { stdin: stdin(), stdout, stderr, env: {}, interrupt: new AbortController().signal };
  const { set, jobs } = await readJobsFile("-", io);
  return { ...(set === undefined ? {} : { set }), jobs };
}

const lines = fc.array(
  fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("", " ", "\t", "  x ", "# no", "- a", "---", "...", "%")),
);
const ends = fc.constantFrom("", "\n", "\n\n", "\r\n", " \n", "\n ", "\t");
const script = fc.tuple(lines, fc.constantFrom("\n", "\r\n", "\r"), ends).map(([all, by, end]) => all.join(by) + end);
const value = fc.oneof(
  script,
  fc.constantFrom("yes", "null", "~", "1e3", "0x1", "2026-01-01", "<<", "*a", "&a", "!x", "{", "[", "'", '"', ": "),
);

test("what is exported is read back as it was, whatever scripts, variables and names have in them", async () => {
  const name = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
    .map((text) => `j${text}x`.replaceAll(/\p{Cc}|\p{Cs}/gu, "."));
  const names = fc.oneof(name, fc.constantFrom("null", "true", "12", "a: b", "# a", "<<", "- a", "'", "__proto__"));
  const job = fc.record({ task: fc.record({ script: value, env: fc.record({ A: value }) }) });
  const jobs = fc.dictionary(
    names.map((one) => one.normalize("NFC")),
    job,
    { maxKeys: 4 },
  );
  await fc.assert(
    fc.asyncProperty(jobs, async (all) => {
      const exported = { set: "web", jobs: Object.fromEntries(Object.entries(all)) };
      expect(await readBack(exported)).toEqual(exported);
    }),
    { numRuns: 500 },
  );
});

test("a script of several lines is a block", () => {
  const text = jobsFileText({ jobs: { a: { task: { script: `echo one\necho ${"two ".repeat(40)}\n` } } } });
  expect(text).toContain("      script: |\n        echo one\n        echo two two");
});
