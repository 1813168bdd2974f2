import type { ProcessIdentity } from "./process-table.ts";
/**
 * What the agent and the supervisor say to each other: one JSON object a line over a unix socket.
 *
 * The supervisor serves one agent connection at a time: a new `hello` ends the one before, and whatever that one
 * had still in flight is not read any more. So an agent that restarted never races its own predecessor.
 *
 * Log bytes are in the attempt's spool file, and `output` says how far it has grown. A few new bytes come along, so that
 * a lone line needs no reading; more of them do not pass here, and a reader that missed some finds all in the spool.
 * Every message may be repeated. The supervisor answers a repetition from its journal.
 */
/** Version of this protocol; a supervisor outlives the agent that started it, so both sides check it. */
export const SUPERVISOR_PROTOCOL = 1;

/** A licence lasts this long from the send time of the beat that earned it. */
export const LICENCE_MS = 60_000;

/** A licence to start: `endsAtBootMs` is on the host's boot clock (`bootClockMs()`), milliseconds. */
export interface StartLicence {
  readonly session: string;
  readonly number: number;
  readonly endsAtBootMs: number;
}

/** The number that only rises for a job: compared by `sequence` within one `epoch`; another epoch is a newer store. */
export interface Fence {
  readonly epoch: string;
  readonly sequence: number;
}

/** All that the supervisor needs to carry out one attempt. */
export interface AttemptSpec {
  readonly job: string;
  readonly run: string;
  readonly attempt: number;
  readonly fence: Fence;
  /** True when the run froze the overlap policy `allow`: the host may then hold several attempts of the job. */
  readonly allowsOverlap: boolean;
  readonly licence: StartLicence;
  /** Ended by the supervisor when no beat sent within `lostAfterMs - graceMs` was acknowledged; null: never. */
  readonly lostAfterMs: number | null;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  /** Ended by the supervisor once it has run for so long; absent: never. A supervisor that does not know it ends nothing. */
  readonly timeoutMs?: number;
  /** The same once it has printed nothing for so long. */
  readonly silenceMs?: number;
  /** Not before this instant of the host's clock, milliseconds since 1970; absent: at once. */
  readonly startAtMs?: number;
  readonly script: string;
  /** The command line in front of the script file, e.g. `["bash"]`, `["/usr/bin/env", "python3", "-u"]`. */
  readonly interpreter: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly columns: number;
  readonly rows: number;
}

/** Why the host would not start an attempt. `no-licence`, `no-room`, `held` and `stopping` may pass; the others will not. */
export type RefusalCode =
  | "no-licence"
  | "no-room"
  | "held"
  | "stopping"
  | "stale-fence"
  | "cancelled"
  | "interpreter-missing"
  | "payload-invalid"
  | "spawn-failed";

export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
}

/** Who or what ended the attempt, when it did not end by itself. */
export type EndCause =
  | "cancelled"
  | "no-contact"
  | "host-stopped"
  | "host-restarted"
  | "supervisor-ended"
  | "timeout"
  | "silence";

/** How an attempt ended. `exitCode` and `signal` exclude each other; both are absent when nobody saw the end. */
export interface AttemptExit {
  readonly exitCode?: number;
  /** e.g. `SIGTERM` */
  readonly signal?: string;
  readonly cause?: EndCause;
  /** Processes of the attempt that could not be ended. */
  readonly leftOverPids?: readonly number[];
}

/** The spool of an attempt, after masking. */
export interface AttemptLog {
  readonly lengthBytes: number;
  /**
   * Hex, once no more will come. Absent for ever when bytes were dropped, or the supervisor ended before the attempt:
   * such a log is not complete.
   */
  readonly sha256?: string;
  /** Bytes that the disk refused, or that would have filled it; all of them come after `lengthBytes`. Absent when none were. */
  readonly droppedBytes?: number;
}

/** A spool that has grown. */
export interface SpoolGrowth {
  /** The spool may be read up to here. */
  readonly lengthBytes: number;
  /** What was written last and ends at `lengthBytes`, where it is at hand. */
  readonly bytes?: Buffer;
}

/** What the supervisor knows of one attempt: the whole of it, each time, so that a repetition says no less. */
export interface AttemptStatus {
  readonly job: string;
  readonly run: string;
  readonly attempt: number;
  readonly fence: Fence;
  /** Rises with each change of this attempt's status. */
  readonly revision: number;
  /** For how long it may run without an acknowledged beat; null: for ever. An older supervisor does not say it. */
  readonly contactLimitMs?: number | null;
  readonly phase: "accepted" | "refused" | "started" | "exited";
  readonly refusal?: Refusal;
  /** Wall clock, RFC 3339 with milliseconds. */
  readonly startedAt?: string;
  readonly exitedAt?: string;
  readonly pid?: number;
  readonly exit?: AttemptExit;
  /** The processes of `exit.leftOverPids`, told from later ones with the same numbers. */
  readonly leftOver?: readonly ProcessIdentity[];
  readonly log: AttemptLog;
}

/** What scripts get of the newest agent's environment; before one said it, of what the supervisor was started with. */
export interface HostEnvironment {
  readonly PATH?: string | undefined;
  readonly LANG?: string | undefined;
  readonly TZ?: string | undefined;
  readonly TMPDIR?: string | undefined;
  /** Only where the user that scripts run as has no account that says it. */
  readonly HOME?: string | undefined;
}

export type AgentToSupervisor =
  | {
      readonly type: "hello";
      readonly protocol: number;
      readonly session: string;
      /** What scripts get from now on; an older agent does not say it, and an older supervisor goes on with what it was started with. */
      readonly environment?: HostEnvironment;
    }
  | { readonly type: "start"; readonly spec: AttemptSpec }
  | { readonly type: "refuse"; readonly attempt: AttemptKey; readonly fence: Fence; readonly refusal: Refusal }
  /** An attempt that never came is refused now (`cancelled`), so that its `start` finds that when it comes late. */
  | { readonly type: "cancel"; readonly attempt: AttemptKey; readonly fence: Fence; readonly graceMs: number }
  /** A beat sent at this instant of the boot clock was acknowledged. */
  | { readonly type: "beat"; readonly sentAtBootMs: number }
  /** The server has all that it needs of an ended or refused attempt: journal entry, spool and folder may go. */
  | { readonly type: "release"; readonly run: string; readonly attempt: number }
  /** Ends every attempt (cause `host-stopped`), then the supervisor itself. */
  | { readonly type: "stop"; readonly graceMs: number };

export interface AttemptKey {
  readonly job: string;
  readonly run: string;
  readonly attempt: number;
}

export interface SupervisorHello {
  readonly type: "hello";
  readonly protocol: number;
  /** Version of the package the supervisor was started from. */
  readonly generation: string;
  readonly pid: number;
  readonly bootId: string;
  /** It holds a start back until its `startAtMs`; an older one starts at once. */
  readonly holdsStarts?: boolean;
  /** It answers each `beat`; an older one does not. */
  readonly answersBeats?: boolean;
  /** Every attempt that was not released yet. */
  readonly attempts: readonly AttemptStatus[];
}

export type SupervisorToAgent =
  | SupervisorHello
  | { readonly type: "status"; readonly status: AttemptStatus }
  /** The answer to a `beat`; an older agent takes it for output of an attempt that it does not hold, and passes over it. */
  | { readonly type: "beat"; readonly sentAtBootMs: number }
  | {
      readonly type: "output";
      readonly run: string;
      readonly attempt: number;
      readonly lengthBytes: number;
      /** Base64 of what ends at `lengthBytes`, where that is little. A supervisor may always leave it out. */
      readonly bytes?: string;
    };
