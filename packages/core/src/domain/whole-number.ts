import { z } from "zod";

/** From `least` to `most`. Whatever is wrong with it, both are named; `what` says them in other words. */
export function wholeNumber(least: number, most: number, what = `from ${least} to ${most}`): z.ZodInt {
  const error = `it is a whole number ${what}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** A time; `bounds` are for people: `1 second to 30 days`. */
export function wholeMs(least: number, most: number, bounds: string): z.ZodInt {
  return wholeNumber(least, most, `of milliseconds, ${bounds}`);
}
