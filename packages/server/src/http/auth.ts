import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { JobsError, TOKEN_PROTOCOL_PREFIX } from "@jobs/core";

/** A token and who comes with it. */
export interface AccessToken {
  readonly name: string;
  readonly token: string;
}

/** Tells who sends a request, by its token alone. */
export class Auth {
  readonly #tokens: readonly { readonly name: string; readonly digest: Buffer }[];

  constructor(tokens: readonly AccessToken[]) {
    this.#tokens = tokens.map(({ name, token }) => ({ name, digest: digestOf(token) }));
  }

  /** The name that goes with the token of `Authorization: Bearer …`; throws `unauthenticated`. */
  fromHeaders(headers: IncomingHttpHeaders): string {
    return this.#nameOf(/^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1]);
  }

  /** The same for a WebSocket, which may carry the token as a subprotocol instead. */
  fromUpgrade(headers: IncomingHttpHeaders): string {
    if (headers.authorization !== undefined) return this.fromHeaders(headers);
    const protocols = (headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
    return this.#nameOf(
      protocols.find((one) => one.startsWith(TOKEN_PROTOCOL_PREFIX))?.slice(TOKEN_PROTOCOL_PREFIX.length),
    );
  }

  #nameOf(token: string | undefined): string {
    if (token === undefined || token === "") {
      throw new JobsError(
        "unauthenticated",
        "A token is needed: send it as `Authorization: Bearer <token>` (JOBS_TOKEN).",
      );
    }
    const digest = digestOf(token);
    const known = this.#tokens.find((one) => timingSafeEqual(one.digest, digest));
    if (known === undefined)
      throw new JobsError("unauthenticated", "The token is not one of this server's: check JOBS_TOKEN.");
    return known.name;
  }
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
