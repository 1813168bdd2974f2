/** By how much a slot is due later, milliseconds: from 0 to `jitterMs`, and for the same slot always the same. */
export function jitterOf(slot: string, jitterMs: number): number {
  return jitterMs === 0 ? 0 : Math.floor((hash(slot) / 2 ** 32) * (jitterMs + 1));
}

/** FNV-1a with the finish of MurmurHash3, so that neighbouring slots are far apart; 32 bits, unsigned. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
