import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { httpStatusOf, type JobsError } from "@jobs/core";

/** Answers on a connection that has no response object, and ends it. */
export function answerOnSocket(socket: Duplex, error: JobsError): void {
  const body = JSON.stringify(error.toBody());
  const status = httpStatusOf(error.code);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.once("finish", () => socket.destroy()); // the other end may never end its own half
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
