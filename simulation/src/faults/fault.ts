import type { Scale } from "../world/scale.ts";

export interface Edit {
  readonly file: string;
  /** Must be there exactly once: a defence that has moved is noticed. */
  readonly find: string;
  readonly replace: string;
}

export interface Fault {
  /** What is away, and which second defence had to go with it. */
  readonly about: string;
  /** The first world that is tried; 1 if left out. It is rare, and in the worlds before this one it was not met. */
  readonly firstSeed?: number;
  readonly edits: readonly Edit[];
  /** What a world must be like for the fault to show soon; the rest of it is drawn. */
  readonly scale?: Partial<Scale>;
}
