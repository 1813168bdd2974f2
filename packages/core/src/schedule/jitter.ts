import { chanceOf } from "../domain/chance.ts";

/** By how much a slot is due later, milliseconds: from 0 to `jitterMs`, and for the same slot always the same. */
export function jitterOf(slot: string, jitterMs: number): number {
  return jitterMs === 0 ? 0 : Math.floor(chanceOf(slot) * (jitterMs + 1));
}
