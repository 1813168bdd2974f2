import type { Writable } from "node:stream";

/** A place to write to; whether it is a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean };

/** All that `npm start` sees of the process it runs in. */
export interface StartIo {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the user is. */
  readonly cwd: string;
  /** The checkout. */
  readonly root: string;
  readonly home: string;
  /** Aborts on Ctrl-C. */
  readonly interrupt: AbortSignal;
}
