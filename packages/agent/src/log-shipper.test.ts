import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectNats, ensureTopology, LogStore, type AttemptAddress, type NatsLink } from "@jobs/core/jetstream";
import { startNats, type NatsFixture } from "@jobs/core/testing";
import { pino } from "pino";
import { expect, test } from "vitest";
import { LogShipper } from "./log-shipper.ts";

test("bytes that come along are sent without a look at the spool", async () => {
  await using fixture = await ShipperFixture.open();
  const { shipper } = fixture;
  shipper.grow({ lengthBytes: 3, bytes: Buffer.from("one") });
  shipper.grow({ lengthBytes: 6, bytes: Buffer.from("two") });
  await fixture.caughtUp(6);
  expect(await fixture.chunks()).toEqual(["0:one", "3:two"]);
});

test("bytes that come along are not sent twice, and not before others that did not", async () => {
  await using fixture = await ShipperFixture.open({ spool: "0123456789" });
  const { shipper } = fixture;
  shipper.grow({ lengthBytes: 2 });
  shipper.grow({ lengthBytes: 4, bytes: Buffer.from("23") });
  shipper.grow({ lengthBytes: 4, bytes: Buffer.from("23") });
  await fixture.caughtUp(4);
  shipper.grow({ lengthBytes: 8, bytes: Buffer.from("67") });
  await fixture.caughtUp(8);
  shipper.grow({ lengthBytes: 10, bytes: Buffer.from("89") });
  await fixture.caughtUp(10);
  const chunks = await fixture.chunks();
  expect(chunks.at(-1)).toBe("8:89");
  expect(chunks.map((chunk) => chunk.split(":")[1]).join("")).toBe("0123456789");
});

test("an attempt of an earlier agent process goes on where that one stopped, whatever comes along", async () => {
  await using fixture = await ShipperFixture.open({ spool: "0123456789", note: "4" });
  fixture.shipper.grow({ lengthBytes: 4, bytes: Buffer.from("0123") });
  fixture.shipper.grow({ lengthBytes: 8, bytes: Buffer.from("4567") });
  await fixture.caughtUp(8);
  fixture.shipper.rewind(2);
  fixture.shipper.grow({ lengthBytes: 10, bytes: Buffer.from("89") });
  await fixture.caughtUp(10);
  const text = Buffer.alloc(10, "-");
  for (const chunk of await fixture.chunks()) {
    const [offset, bytes] = chunk.split(":");
    text.write(bytes!, Number(offset));
  }
  expect(text.toString()).toBe("--23456789");
  await expect.poll(() => readFile(fixture.notePath, "utf8")).toBe("10");
});

test("a shipper whose spool cannot be opened stops all the same", async () => {
  await using fixture = await ShipperFixture.open();
  fixture.shipper.grow({ lengthBytes: 3 });
  await fixture.shipper.stop();
});

test.each([
  ["the end of it", "0123"],
  ["all of it", undefined],
])("of a spool that lost %s in a crash of the host nothing more is waited for", async (_, spool) => {
  await using fixture = await ShipperFixture.open({ ...(spool === undefined ? {} : { spool }), note: "0" });
  fixture.shipper.grow({ lengthBytes: 10 });
  await fixture.caughtUp(10);
  expect((await fixture.chunks()).map((chunk) => chunk.split(":")[1]).join("")).toBe(spool ?? "");
});

test("a spool that a crash has cut shorter than what was shipped before has nothing more to ship", async () => {
  await using fixture = await ShipperFixture.open({ spool: "0123", note: "9" });
  fixture.shipper.grow({ lengthBytes: 4 });
  await fixture.caughtUp(9);
  expect(await fixture.chunks()).toEqual([]);
});

/** A shipper to a nats-server of its own. */
class ShipperFixture {
  readonly shipper: LogShipper;
  readonly notePath: string;
  readonly #logs: LogStore;
  readonly #nats: NatsFixture;
  readonly #link: NatsLink;
  readonly #folder: string;
  readonly #address: AttemptAddress = { agent: "agent-a", run: "run00001", attempt: 1 };
  #onCaughtUp: () => void = () => undefined;

  private constructor(opened: { nats: NatsFixture; link: NatsLink; folder: string; isAdopted: boolean }) {
    const { nats, link, folder, isAdopted } = opened;
    this.#nats = nats;
    this.#link = link;
    this.#folder = folder;
    this.#logs = new LogStore(link);
    this.notePath = join(folder, "note");
    this.shipper = new LogShipper({
      logs: this.#logs,
      address: this.#address,
      spoolPath: join(folder, "spool"),
      notePath: this.notePath,
      isAdopted,
      onCaughtUp: () => this.#onCaughtUp(),
      log: pino({ level: "silent" }),
    });
  }

  /** Without a `spool` there is none to read; a `note` says how far an earlier process came. */
  static async open({ spool, note }: { spool?: string; note?: string } = {}): Promise<ShipperFixture> {
    const folder = await mkdtemp(join(tmpdir(), "jobs-shipper-"));
    if (spool !== undefined) await writeFile(join(folder, "spool"), spool);
    if (note !== undefined) await writeFile(join(folder, "note"), note);
    const nats = await startNats();
    const link = await connectNats({ url: nats.url, name: "test" });
    await ensureTopology(link, () => 1);
    return new ShipperFixture({ nats, link, folder, isAdopted: note !== undefined });
  }

  /** Waits until so many bytes are acknowledged. */
  async caughtUp(lengthBytes: number): Promise<void> {
    while (this.shipper.shippedBytes < lengthBytes) {
      await new Promise<void>((resolve) => (this.#onCaughtUp = resolve));
    }
  }

  /** What is in LOGS, each as `offset:text`. */
  async chunks(): Promise<string[]> {
    const chunks: string[] = [];
    const enough = new AbortController();
    for await (const chunk of this.#logs.chunks(this.#address, enough.signal)) {
      if (chunk === "caught-up") break;
      chunks.push(`${chunk.offset}:${Buffer.from(chunk.bytes).toString()}`);
    }
    enough.abort();
    return chunks;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shipper.stop();
    await this.#link.connection.close();
    await this.#nats[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true });
  }
}
