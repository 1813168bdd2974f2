import type { Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";

/** A script travels inside a message; nothing legitimate comes near this. */
const LONGEST_LINE_CHARS = 64 * 1024 * 1024;

/** Calls back for each JSON line of a socket; a line that is no JSON destroys the socket. */
export function readJsonLines(socket: Socket, onMessage: (message: unknown) => void): void {
  const decoder = new StringDecoder("utf8");
  let pieces: string[] = [];
  let pendingChars = 0;
  socket.on("data", (bytes: Buffer) => {
    const lines = decoder.write(bytes).split("\n");
    for (const [index, line] of lines.entries()) {
      if (socket.destroyed) return;
      pieces.push(line);
      pendingChars += line.length;
      if (pendingChars > LONGEST_LINE_CHARS) socket.destroy(new Error("a message is too long"));
      if (index === lines.length - 1) return;
      const text = pieces.join("");
      pieces = [];
      pendingChars = 0;
      if (text !== "") deliver(text);
    }
  });

  function deliver(text: string): void {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch (error) {
      socket.destroy(new Error("a message is not JSON", { cause: error }));
      return;
    }
    onMessage(message);
  }
}

export function writeJsonLine(socket: Socket, message: object): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}
