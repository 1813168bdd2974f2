interface Kept {
  readonly ms: number;
  readonly text: string;
}

const KEPT = 64;
/** The text of an instant, in the place that it leaves as a remainder. */
const kept: (Kept | undefined)[] = Array.from({ length: KEPT });

/**
 * Milliseconds since 1970 as RFC 3339, UTC: `2026-12-01T02:30:00.000Z`. What is decided within one millisecond, or ends
 * within one, shares the text: under load it is asked for several times for each run.
 */
export function instantOf(ms: number): string {
  const place = Math.abs(ms % KEPT);
  const known = kept[place];
  if (known?.ms === ms) return known.text;
  const text = new Date(ms).toISOString();
  if (Number.isInteger(ms)) kept[place] = { ms, text };
  return text;
}
