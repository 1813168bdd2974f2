/** Where to begin with a log, and when to stop. */
export interface LogOptions {
  /** Offset of the first byte, 0 when left out. */
  readonly from?: number;
  /** The log of this attempt (from 1) and no other. Left out: of the current one and all that follow it. */
  readonly attempt?: number | undefined;
  /** The log of this attempt (from 1) and all that follow it. */
  readonly fromAttempt?: number | undefined;
  /** False: stop at the last byte there is now, do not wait for more. True when left out. */
  readonly live?: boolean;
  /** Ends the reading; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}
