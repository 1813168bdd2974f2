import { createHash } from "node:crypto";
import { connect, createServer, type Server } from "node:net";
import { text } from "node:stream/consumers";
import { JobsError, type Service } from "@jobs/core";
import { z } from "zod";

/** What the holder of a lock answers to everybody who asks. */
const Holder = z.object({ pid: z.int(), url: z.string().optional() });
type Holder = z.infer<typeof Holder>;

const ANSWER_LIMIT_MS = 1_000;

/**
 * Makes this process the only one on a data folder. A second nats-server would end the first one, and a second agent
 * would break its chain of beats.
 *
 * The lock is an abstract unix socket: the kernel frees its name with the process, however that ends, so that nothing
 * stale must be judged after a `kill -9`. Who finds it taken asks the holder who it is.
 */
export class DataLock implements Service {
  readonly #dataDir: string;
  #server: Server | undefined;
  /** Address of the server that runs on the folder, once there is one. */
  url: string | undefined;

  /** @param dataDir the real path, without links: the name of the lock is made of it */
  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Throws `already-running`, which names the holder, when another process or stack has the folder. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      const holder = JSON.stringify({ pid: process.pid, url: this.url } satisfies Holder);
      socket.end(holder, () => socket.destroy()); // the other end may never end its own half
    });
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject).listen(this.#address, resolve);
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
      throw await this.#taken();
    }
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #address(): string {
    const hash = createHash("sha256").update(this.#dataDir).digest("hex").slice(0, 24);
    return `\0jobs-local-${hash}`;
  }

  async #taken(): Promise<JobsError> {
    const holder = await this.#askHolder().catch(() => undefined);
    const who =
      holder === undefined ? "" : ` (process ${holder.pid}${holder.url === undefined ? "" : `, ${holder.url}`})`;
    const message = `Jobs runs on ${this.#dataDir} already${who}: use that one, stop it, or take another data folder.`;
    return new JobsError("already-running", message, { field: "dataDir", details: { ...holder } });
  }

  async #askHolder(): Promise<Holder> {
    const socket = connect(this.#address);
    const timer = setTimeout(() => socket.destroy(new Error("no answer")), ANSWER_LIMIT_MS);
    try {
      return Holder.parse(JSON.parse(await text(socket)));
    } finally {
      clearTimeout(timer);
      socket.destroy();
    }
  }
}
