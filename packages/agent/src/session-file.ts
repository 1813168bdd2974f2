import { open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";

/** The last beat of a session that is known to be stored, 0 when none is. */
const LastBeat = z.object({ session: z.string(), number: z.int() });

/**
 * How far a session's chain of beats was acknowledged. `before`: the sessions before, until this one has its first
 * acknowledgement: of any of them the next beat may still be on its way.
 */
const SessionState = z.looseObject({
  v: z.literal(1),
  session: z.string(),
  number: z.int(),
  sequence: z.int(),
  /** The highest licence that any session of this agent asked for. */
  licence: z.int(),
  before: z
    .union([LastBeat, z.array(LastBeat)]) // older agents kept one
    .transform((before) => (Array.isArray(before) ? before : [before]))
    .optional(),
});
export type SessionState = z.infer<typeof SessionState>;
export type LastBeat = z.infer<typeof LastBeat>;

/** The last acknowledged beat, on disk, synced: what tells a restarted agent from a cloned host or a restored disk. */
export class SessionFile {
  readonly #file: string;

  constructor(stateDir: string) {
    this.#file = join(stateDir, "session.json");
  }

  async load(): Promise<SessionState | undefined> {
    try {
      return SessionState.parse(JSON.parse(await readFile(this.#file, "utf8")));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async save(state: SessionState, before?: SessionState["before"]): Promise<void> {
    const temporary = `${this.#file}.new`;
    const handle = await open(temporary, "w", 0o600);
    try {
      await handle.writeFile(JSON.stringify(before === undefined ? state : { ...state, before }));
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, this.#file);
    const directory = await open(dirname(this.#file), "r");
    await directory.sync();
    await directory.close();
  }
}
