/**
 * The WebSocket of one run: `GET /v1/runs/{run}/follow?log=<offset>&attempt=<number>&only=1`, subprotocols `jobs.v1` and `jobs.token.<token>`.
 *
 *   server → client, text:    {"type":"run","run":RunView}            at once, and after each change
 *                             {"type":"caught-up","offset":n}         once: all log bytes there are so far, up to n, were sent, and more may come
 *                             {"type":"log-end", …StoredLog}          the log is complete, or this is missing
 *                             {"type":"error","error":{code,message,field?}}  then it is closed with 4500
 *   server → client, binary:  16 bytes of header, then bytes           log from that offset; gapless, in order
 *
 * The header, big-endian: 4 bytes kind (1: log), 4 bytes number of the attempt, 8 bytes offset in that attempt's log.
 * An offset is one in the log of an attempt, without `attempt` of the current one. The logs of later attempts follow, each
 * from offset 0; with `only` there is that one alone, and `log-end` is its end. One that the run never had is `invalid-request`,
 * once the run is over.
 * Without `log` no bytes, no `caught-up` and no `log-end` come. The server closes with 1000 once the run is settled and
 * everything was sent; with 4008 when the reader was too slow: it comes back with the offset it has reached.
 */
import { z } from "zod";
import { StoredLog } from "../domain/log.ts";
import { RunView } from "./views.ts";

export const FOLLOW_PROTOCOL = "jobs.v1";
/** Prefix of the subprotocol that carries the token: a browser can set no header on a WebSocket. */
export const TOKEN_PROTOCOL_PREFIX = "jobs.token.";

/** Close codes of the follow socket. */
export const CloseCode = { done: 1000, serverStops: 1001, tooSlow: 4008, failed: 4500 } as const;

export const ServerFrame = z.discriminatedUnion("type", [
  z.object({ type: z.literal("run"), run: RunView }),
  z.object({ type: z.literal("caught-up"), offset: z.int().nonnegative() }),
  StoredLog.extend({ type: z.literal("log-end") }),
  z.object({
    type: z.literal("error"),
    error: z.object({ code: z.string(), message: z.string(), field: z.string().optional() }),
  }),
]);
export type ServerFrame = z.infer<typeof ServerFrame>;

/** Bytes of an attempt's log at their offset. */
export interface LogFrame {
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const HEADER_BYTES = 16;
const LOG_KIND = 1;

/** The first part of a frame; the bytes of the log follow in the same message. */
export function encodeLogFrameHeader({ attempt, offset }: Omit<LogFrame, "bytes">): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, LOG_KIND);
  view.setUint32(4, attempt);
  view.setBigUint64(8, BigInt(offset));
  return header;
}

export function encodeLogFrame({ bytes, ...position }: LogFrame): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + bytes.length);
  frame.set(encodeLogFrameHeader(position));
  frame.set(bytes, HEADER_BYTES);
  return frame;
}

/** False of a frame of another kind, as a newer server may send. */
export function isLogFrame(frame: Uint8Array): boolean {
  return frame.byteLength >= HEADER_BYTES && viewOf(frame).getUint32(0) === LOG_KIND;
}

/** Throws a RangeError when it is not a frame of a log. */
export function decodeLogFrame(frame: Uint8Array): LogFrame {
  if (!isLogFrame(frame)) throw new RangeError("a frame of an unknown kind");
  const view = viewOf(frame);
  return { attempt: view.getUint32(4), offset: Number(view.getBigUint64(8)), bytes: frame.subarray(HEADER_BYTES) };
}

function viewOf(frame: Uint8Array): DataView {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
}
