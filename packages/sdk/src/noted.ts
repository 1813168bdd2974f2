/** The part of an input that says why. */
export function noted(note: string | undefined): { note?: string } {
  return note === undefined ? {} : { note };
}
