/** The clocks of two servers differ by less, unless one was set, milliseconds. */
export const CLOCKS_DIFFER_MS = 60_000;
