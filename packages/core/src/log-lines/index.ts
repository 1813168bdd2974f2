import { openSync, writeSync } from "node:fs";

/** What a logger writes its lines to. */
export interface LogLines {
  write(line: string): void;
}

/**
 * Lines go to a descriptor, or to the end of a file. Those that cannot be written (the disk is full, the reader has gone)
 * are left out: by what pino writes to by itself they would end the process, and then keep it from ever ending.
 *
 * @throws when the file cannot be opened
 */
export function logLines(to: number | string): LogLines {
  const file = typeof to === "number" ? to : openSync(to, "a", 0o600);
  return {
    write: (line) => {
      try {
        writeSync(file, line);
      } catch {
        // there is nowhere to say it
      }
    },
  };
}
