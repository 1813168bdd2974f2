import { createHmac, timingSafeEqual } from "node:crypto";

/** What a signed URL allows: one method on one object, for PUT with this size and hash, until then. */
export interface Grant {
  readonly method: "PUT" | "GET";
  readonly key: string;
  readonly expiresAtMs: number;
  readonly sizeBytes?: number;
  readonly sha256?: string;
}

function signatureOf(secret: string, grant: Grant): string {
  const { method, key, expiresAtMs, sizeBytes = "", sha256 = "" } = grant;
  return createHmac("sha256", secret)
    .update(JSON.stringify([method, key, expiresAtMs, sizeBytes, sha256]))
    .digest("base64url");
}

/** The query string that carries a grant. */
export function signGrant(secret: string, grant: Grant): string {
  const query = new URLSearchParams({ expires: String(grant.expiresAtMs) });
  if (grant.sizeBytes !== undefined) query.set("size", String(grant.sizeBytes));
  if (grant.sha256 !== undefined) query.set("sha256", grant.sha256);
  query.set("signature", signatureOf(secret, grant));
  return query.toString();
}

/** Reads a grant from a request's query; undefined when it is forged, of another request, or too old. */
export function verifyGrant(
  secret: string,
  request: Pick<Grant, "method" | "key"> & { readonly query: Readonly<Record<string, string | undefined>> },
  nowMs: number,
): Grant | undefined {
  const { expires, size, sha256, signature = "" } = request.query;
  const grant: Grant = {
    method: request.method,
    key: request.key,
    expiresAtMs: Number(expires),
    ...(size === undefined ? {} : { sizeBytes: Number(size) }),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
  const wanted = Buffer.from(signatureOf(secret, grant));
  const given = Buffer.from(signature);
  if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) return undefined;
  return grant.expiresAtMs > nowMs ? grant : undefined;
}
