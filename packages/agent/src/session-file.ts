import { link, open, readFile, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Beat, JobsError } from "@jobs/core";
import { z } from "zod";

/** Earlier sessions of which the file tells. */
const SESSIONS_MAX = 50;
/** More than all of them take: the file is of this size from the beginning, and never needs more of the disk. */
const ROOM_BYTES = 8 * 1024;

/** The last beat of a session that is known to be stored, 0 when none is. */
const LastBeat = z.object({ session: z.string(), number: z.int() });

/**
 * How far a session's chain of beats was acknowledged. `before`: the sessions before, the latest at the end. Of those
 * since the last acknowledged beat the next one may still be on its way; an older one is stored again when the
 * nats-servers lose later beats with their memory.
 */
const SessionState = z.looseObject({
  v: z.literal(1),
  session: z.string(),
  number: z.int(),
  sequence: z.int(),
  /** The highest licence that any session of this agent asked for. */
  licence: z.int(),
  /** Whose state folder it is; older agents did not write it. */
  agent: z.string().optional(),
  before: z
    .union([LastBeat, z.array(LastBeat)]) // older agents kept one
    .transform((before) => (Array.isArray(before) ? before : [before]))
    .default([]),
});
export type SessionState = z.infer<typeof SessionState>;
type LastBeat = z.infer<typeof LastBeat>;

export interface StoredBeat {
  readonly beat: Beat;
  readonly sequence: number;
}

/**
 * The last acknowledged beat, on disk, synced: what tells a restarted agent from a cloned host or a restored disk.
 *
 * A full disk does not keep it from being saved, for only the agent ships and releases what fills it: beside the file
 * there is a spare of the same size, which is overwritten where it is, takes the file's name, and the one before is the
 * next spare. Where a file can have no second name, a new spare is made each time.
 */
export class SessionFile {
  readonly #agent: string;
  readonly #file: string;

  constructor(stateDir: string, agent: string) {
    this.#agent = agent;
    this.#file = join(stateDir, "session.json");
  }

  /** Throws `config-invalid` when the state folder is another agent's. */
  async load(): Promise<SessionState | undefined> {
    const text = await readFile(this.#file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const state = SessionState.parse(JSON.parse(text));
    const { agent = this.#agent } = state;
    if (agent === this.#agent) return state;
    const folder = dirname(this.#file);
    throw new JobsError(
      "config-invalid",
      `The state folder ${folder} is that of the agent “${agent}”: give the agent “${this.#agent}” one of its own.`,
    );
  }

  async save(state: SessionState): Promise<void> {
    const [spare, before] = [`${this.#file}.new`, `${this.#file}.old`];
    const bytes = Buffer.alloc(ROOM_BYTES, " ");
    if (bytes.write(JSON.stringify({ ...state, agent: this.#agent })) > ROOM_BYTES - 1)
      throw new Error("the session is larger than its file");
    await overwrite(spare, bytes);
    await rm(before, { force: true }); // a crash has left it
    const isKept = await link(this.#file, before).then(
      () => true,
      () => false, // there is none yet, or the file system has no links
    );
    await rename(spare, this.#file);
    if (isKept) await rename(before, spare);
    const directory = await open(dirname(this.#file), "r");
    await directory.sync();
    await directory.close();
  }
}

/** Where it is, so that it takes no further room; it is made when there is none. */
async function overwrite(path: string, bytes: Buffer): Promise<void> {
  const handle = await openSpare(path);
  try {
    await handle.truncate(bytes.length);
    await handle.write(bytes, 0, bytes.length, 0);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function openSpare(path: string): Promise<FileHandle> {
  return open(path, "r+").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return open(path, "w", 0o600);
    throw error;
  });
}

/** The last stored beat is the last one of this disk: that it saw acknowledged, or the one after it, whose answer it did not live to see. */
export function isLast({ beat, sequence }: StoredBeat, previous: SessionState | undefined): boolean {
  if (previous === undefined) return false;
  if (beat.session === previous.session) return sequence === previous.sequence || beat.number === previous.number + 1;
  return previous.number === 0 && sequence >= previous.sequence && isOfSessions(previous.before, beat);
}

export function isOfDisk(previous: SessionState, beat: Beat): boolean {
  return isOfSessions([...previous.before, previous], beat);
}

/** A beat that was acknowledged in one of these sessions, or the one after those. */
export function isOfSessions(sessions: readonly LastBeat[], { session, number }: Beat): boolean {
  return sessions.some((one) => one.session === session && number <= one.number + 1);
}

/** The latest sessions of this disk, and always the one whose beat is stored. */
export function sessionsBefore(previous: SessionState | undefined, last: Beat | undefined): LastBeat[] {
  if (previous === undefined) return [];
  const { session, number, before } = previous;
  const all = [...before, { session, number }];
  const isStored = (one: LastBeat) => one.session === last?.session;
  const kept = all.slice(-SESSIONS_MAX);
  return kept.some(isStored) ? kept : [...all.filter(isStored), ...kept];
}
