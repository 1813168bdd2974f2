import { JobsError } from "@jobs/core";
import type { Fetch, Transport } from "./transport.ts";
import { openWebSocket, type WebSocketConstructor } from "./web-socket.ts";

/** Where the server is and how to reach it. */
export interface ConnectOptions {
  /** The server's address, e.g. `https://jobs.example.com`. Left out: the environment's `JOBS_URL`, in Node. */
  readonly url?: string;
  /** The access token. Left out: the environment's `JOBS_TOKEN`, in Node. */
  readonly token?: string;
  /** Used instead of the global `fetch`. */
  readonly fetch?: Fetch;
  /** Used instead of the platform's WebSocket. */
  readonly WebSocket?: WebSocketConstructor;
}

/** A checked address and token, and the transport to use them with. */
export interface Connection {
  /** Without a slash at its end. */
  readonly url: string;
  readonly token: string;
  readonly transport: Transport;
}

/** Characters that may be in a WebSocket's subprotocol, which is how a browser sends the token. */
const TOKEN_CHARACTERS = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Checks options and environment; throws {@link JobsError} `config-invalid` that says what to set. */
export function makeConnection(options: ConnectOptions, platform: Transport): Connection {
  const url = (options.url ?? platform.env("JOBS_URL") ?? "").trim();
  const token = (options.token ?? platform.env("JOBS_TOKEN") ?? "").trim();
  if (url === "") {
    throw new JobsError("config-invalid", "No server is given: set JOBS_URL, or pass { url }.", { field: "url" });
  }
  if (token === "") {
    throw new JobsError("config-invalid", "No access token is given: set JOBS_TOKEN, or pass { token }.", {
      field: "token",
    });
  }
  if (!TOKEN_CHARACTERS.test(token)) {
    const message = "The access token has characters that no token has: is it cut, or quoted?";
    throw new JobsError("config-invalid", message, { field: "token" });
  }
  return { url: baseOf(url), token, transport: transportOf(options, platform) };
}

function baseOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.search !== "" || parsed.hash !== "") {
    const message = `"${url}" is not the address of a server: it looks like https://jobs.example.com.`;
    throw new JobsError("config-invalid", message, { field: "url" });
  }
  return parsed.href.replace(/\/+$/, "");
}

function transportOf({ fetch, WebSocket }: ConnectOptions, platform: Transport): Transport {
  return {
    ...platform,
    ...(fetch === undefined ? {} : { fetch }),
    ...(WebSocket === undefined
      ? {}
      : { openSocket: (url, protocols, events) => openWebSocket(WebSocket, { url, protocols }, events) }),
  };
}
