import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
/**
 * A first talk with a nats-server that somebody else runs. The stack itself would wait for it for ever, as it must once
 * it runs; at a start, a wrong address or password is to be told at once.
 */
import { JobsError } from "@jobs/core";
import { z } from "zod";

/** The part of a server's INFO that matters. */
const Info = z.looseObject({
  version: z.string(),
  jetstream: z.boolean().default(false),
  tls_required: z.boolean().default(false),
});
type Info = z.infer<typeof Info>;

interface NatsAddress {
  /** One or more addresses, comma-separated: the first one that answers counts. */
  readonly url: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
}

const ANSWER_LIMIT_MS = 5_000;
const DEFAULT_PORT = 4222;

/** Throws `store-unavailable`, which says what is wrong, unless the server answers, lets us in and has JetStream. */
export async function greetNats(address: NatsAddress, signal?: AbortSignal): Promise<Info> {
  const failures: string[] = [];
  for (const one of address.url.split(",").map((text) => text.trim())) {
    try {
      return await greetOne(one, address, signal);
    } catch (error) {
      signal?.throwIfAborted();
      failures.push(`${one}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const message = `The nats-server of NATS_URL cannot be used: ${failures.join("; ")}`;
  throw new JobsError("store-unavailable", message, { field: "natsUrl" });
}

async function greetOne(url: string, access: NatsAddress, signal?: AbortSignal): Promise<Info> {
  const { hostname, port } = new URL(url.includes("://") ? url : `nats://${url}`);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? DEFAULT_PORT : Number(port) });
  const timer = setTimeout(() => socket.destroy(new Error("no answer")), ANSWER_LIMIT_MS);
  const abort = (): void => void socket.destroy(new Error("aborted"));
  signal?.addEventListener("abort", abort);
  try {
    return await talk(socket, access);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    socket.destroy();
  }
}

async function talk(socket: Socket, { user, password }: NatsAddress): Promise<Info> {
  return await new Promise((resolve, reject) => {
    let info: Info | undefined;
    const onLine = (line: string): void => {
      if (line.startsWith("INFO ")) {
        info = Info.parse(JSON.parse(line.slice("INFO ".length)));
        if (!info.jetstream) throw new Error("it has no JetStream: start it with -js");
        if (info.tls_required) return resolve(info); // the rest is up to the client library
        const connectOptions = { verbose: false, pedantic: false, lang: "node", version: "0", user, pass: password };
        socket.write(`CONNECT ${JSON.stringify(connectOptions)}\r\nPING\r\n`);
      } else if (line.startsWith("-ERR")) throw new Error(line.slice("-ERR ".length).replaceAll("'", ""));
      else if (line.startsWith("PONG") && info !== undefined) resolve(info);
    };
    socket.once("error", reject).once("close", () => reject(new Error("it closed the connection")));
    createInterface({ input: socket })
      .on("line", (line) => {
        try {
          onLine(line);
        } catch (error) {
          reject(error as Error);
        }
      })
      .on("error", reject);
  });
}
