import { createHash } from "node:crypto";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pino } from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import { AttemptOutput } from "./attempt-output.ts";

test("what is uploaded is stored, and told", async () => {
  await using fixture = await OutputFixture.open({ one: "1", two: "22" });
  const { output } = fixture;
  await output.collect();
  await fixture.upload("one", "two");
  expect(output.files).toMatchObject([
    { name: "one", stored: true },
    { name: "two", stored: true },
  ]);
  expect([output.leftOut, fixture.changes]).toEqual([0, 2]);
});

test("a file that was removed after it was listed is left out and counted, and the next one is uploaded", async () => {
  await using fixture = await OutputFixture.open({ one: "1", two: "22" });
  const { output, folder } = fixture;
  await output.collect();
  await rm(join(folder, "one"));
  await fixture.upload("one", "two");
  expect(output.files).toMatchObject([{ name: "two", stored: true }]);
  expect(output.leftOut).toBe(1);
});

test.each([
  ["another size", "longer"],
  ["other bytes", "2"],
])("a file that got %s after it was listed is listed anew", async (_, text) => {
  await using fixture = await OutputFixture.open({ one: "1" });
  const { output, folder } = fixture;
  await output.collect();
  await writeFile(join(folder, "one"), text);
  await fixture.upload("one");
  const sha256 = createHash("sha256").update(text).digest("hex");
  expect(output.files).toEqual([{ name: "one", sizeBytes: text.length, sha256, stored: false }]);
  await fixture.upload("one");
  expect(output.files).toMatchObject([{ name: "one", stored: true }]);
});

test("a file that changes all the time is left out and counted in the end", async () => {
  await using fixture = await OutputFixture.open({ one: "1" });
  const { output, folder } = fixture;
  await output.collect();
  for (let round = 1; round <= 3; round++) {
    expect(output.files).toHaveLength(1);
    await appendFile(join(folder, "one"), "1");
    await fixture.upload("one");
  }
  expect(output.files).toEqual([]);
  expect(output.leftOut).toBe(1);
});

test("a store that is down keeps no file from being uploaded later", async () => {
  await using fixture = await OutputFixture.open({ one: "1" });
  const { output } = fixture;
  await output.collect();
  fixture.isDown = true;
  for (let round = 1; round <= 4; round++) await fixture.upload("one");
  fixture.isDown = false;
  await fixture.upload("one");
  expect(output.files).toMatchObject([{ name: "one", stored: true }]);
});

test("a store that hangs is given up, at its first byte, in the middle or before its answer; one that goes on is not", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const sizeBytes = 40_000_000; // more than what lies between two processes
  await using fixture = await OutputFixture.open({ one: "1".repeat(sizeBytes) });
  const { output } = fixture;
  await output.collect();
  for (const [partBytes, limitMs] of [
    [0, 30_000],
    [1_000_000, 30_000],
    [sizeBytes, 32_000],
  ] as const) {
    const hung = new Promise<void>((resolve) => {
      fixture.take = async (request) => {
        let taken = 0;
        if (partBytes > 0)
          for await (const bytes of request.iterator({ destroyOnReturn: false }))
            if ((taken += (bytes as Buffer).length) >= partBytes) break;
        resolve();
        return new Promise(() => undefined);
      };
    });
    let isOver = false;
    void fixture.upload("one").then(() => (isOver = true));
    await hung;
    fixture.take = (request) => buffer(request);
    await fixture.upload("one"); // while one is on its way no other begins
    let waitedMs = 0;
    for (; !isOver; waitedMs += 1_000) {
      vi.advanceTimersByTime(1_000);
      await new Promise(setImmediate);
    }
    expect(output.files).toMatchObject([{ stored: false }]);
    expect(waitedMs).toBeGreaterThanOrEqual(limitMs);
  }
  fixture.take = async (request) => {
    const taken: Buffer[] = [];
    let sinceMb = 0;
    for await (const bytes of request) {
      taken.push(bytes as Buffer);
      sinceMb += (bytes as Buffer).length;
      if (sinceMb > 10_000_000) vi.advanceTimersByTime((sinceMb = 0) + 29_000);
    }
    return Buffer.concat(taken);
  };
  await fixture.upload("one");
  expect(output.files).toMatchObject([{ stored: true }]);
});

/** An output folder, and a store that takes what was announced. */
class OutputFixture {
  readonly folder: string;
  readonly output: AttemptOutput;
  isDown = false;
  take: (request: IncomingMessage) => Promise<Buffer> = (request) => buffer(request);
  changes = 0;
  readonly #server: Server;

  private constructor(folder: string) {
    this.folder = folder;
    const log = pino({ level: "silent" });
    this.output = new AttemptOutput({ outputDir: folder, onChange: () => this.changes++, log });
    this.#server = createServer((request, response) => {
      void this.take(request).then((bytes) => {
        const isRight = request.url === `/${createHash("sha256").update(bytes).digest("hex")}`;
        response.writeHead(this.isDown ? 503 : isRight ? 200 : 422).end();
      });
    });
  }

  static async open(files: Record<string, string>): Promise<OutputFixture> {
    const fixture = new OutputFixture(await mkdtemp(join(tmpdir(), "jobs-output-")));
    for (const [name, text] of Object.entries(files)) await writeFile(join(fixture.folder, name), text);
    await new Promise<void>((listening) => fixture.#server.listen(0, "127.0.0.1", listening));
    return fixture;
  }

  /** As the server asks for it: each URL is bound to what was listed. */
  async upload(...names: string[]): Promise<void> {
    const { port } = this.#server.address() as AddressInfo;
    const listed = this.output.files?.filter(({ name }) => names.includes(name)) ?? [];
    await this.output.upload(listed.map(({ name, sha256 }) => ({ name, url: `http://127.0.0.1:${port}/${sha256}` })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
    await rm(this.folder, { recursive: true });
  }
}
