/**
 * Reads a cron pattern: five fields (minute, hour, day of month, month, day of week) or six, with seconds first. What is wrong is
 * said with the field and the character. The days are left to croner (`walls.ts`), which knows the calendar.
 */

export interface CronPattern {
  /** Ascending. */
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: CronDays;
  /** Its minutes or seconds begin with `*`. */
  readonly isEven: boolean;
  /** It names all 24 hours. */
  readonly isEveryHour: boolean;
}

/** The three fields that name days, in upper case, `?` read as `*`. */
export interface CronDays {
  readonly dayOfMonth: string;
  readonly month: string;
  readonly dayOfWeek: string;
}

/** Why a text is no pattern. */
export class CronFault extends Error {
  override readonly name = "CronFault";
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
  /** Values beyond numbers and names, e.g. `L`. */
  readonly extra?: RegExp;
}

interface Token {
  readonly text: string;
  /** Where it begins in the pattern, from 1. */
  readonly column: number;
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: readonly Field[] = [
  { name: "second", min: 0, max: 59, names: [] },
  { name: "minute", min: 0, max: 59, names: [] },
  { name: "hour", min: 0, max: 23, names: [] },
  { name: "day of month", min: 1, max: 31, names: [], extra: /^(?:L|LW|(?:[1-9]|[12]\d|3[01])W)$/ },
  { name: "month", min: 1, max: 12, names: MONTHS },
  {
    name: "day of week",
    min: 0,
    max: 7,
    names: WEEKDAYS,
    extra: /^(?:[0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(?:#[1-5]|#?L)$/,
  },
];

const MACROS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/** Throws a {@link CronFault}. */
export function parseCron(text: string): CronPattern {
  const tokens = tokensOf(expandMacro(text));
  if (tokens.length !== 5 && tokens.length !== 6) {
    throw new CronFault(
      `cron has 5 fields (minute, hour, day of month, month, day of week), or 6 with seconds first; this one has ${tokens.length}.`,
    );
  }
  const all = tokens.length === 5 ? [{ text: "0", column: 1 }, ...tokens] : tokens;
  const sets = FIELDS.map((field, index) => readField(all[index] ?? { text: "", column: 1 }, field));
  const textOf = (index: number): string => all[index]?.text ?? "";
  const [seconds = [], minutes = [], hours = []] = sets;
  return {
    seconds,
    minutes,
    hours,
    days: { dayOfMonth: textOf(3), month: textOf(4), dayOfWeek: textOf(5) },
    isEven: textOf(0).startsWith("*") || textOf(1).startsWith("*"),
    isEveryHour: hours.length === 24,
  };
}

function expandMacro(text: string): string {
  const trimmed = text.trim().toLowerCase();
  if (!trimmed.startsWith("@")) return text;
  const expanded = Object.hasOwn(MACROS, trimmed) ? MACROS[trimmed] : undefined;
  if (expanded !== undefined) return expanded;
  const advice =
    trimmed === "@reboot"
      ? "no schedule knows when a host boots"
      : trimmed.startsWith("@every")
        ? "use every: { ms } in its place"
        : `the known ones are ${Object.keys(MACROS).join(", ")}`;
  throw new CronFault(`cron: "${trimmed}" is no macro; ${advice}.`);
}

function tokensOf(text: string): Token[] {
  return [...text.matchAll(/\S+/g)].map((match) => ({
    text: match[0].toUpperCase().replaceAll("?", "*"),
    column: match.index + 1,
  }));
}

/** The values that a field names, ascending; empty where only the calendar can tell (`L`, `15W`, `FRI#2`). */
function readField(token: Token, field: Field): number[] {
  const values = new Set<number>();
  let column = token.column;
  for (const item of token.text.split(",")) {
    for (const value of readItem({ text: item, column }, field)) values.add(value);
    column += item.length + 1;
  }
  return [...values].toSorted((one, other) => one - other);
}

function readItem({ text, column }: Token, field: Field): number[] {
  const fail = (message: string): never => {
    throw new CronFault(`cron: ${field.name}, at character ${column}: ${message}.`);
  };
  if (text === "") return fail("a value is missing");
  if (field.extra?.test(text) === true) return [];
  const [range = "", stepText, ...more] = text.split("/");
  const [fromText = "", toText, ...others] = range.split("-");
  if (more.length > 0 || others.length > 0) return fail(`"${text}" is not a value, a range or a step`);

  const valueOf = (one: string): number => {
    const named = field.names.indexOf(one);
    const value = named >= 0 ? named + (field.min === 1 ? 1 : 0) : /^\d{1,2}$/.test(one) ? Number(one) : Number.NaN;
    if (value >= field.min && value <= field.max) return value;
    const names = field.names.length > 0 ? ` or ${field.names.at(0)}–${field.names.at(-1)}` : "";
    return fail(`"${one}" is not in ${field.min}–${field.max}${names}`);
  };
  const isStar = fromText === "*" && toText === undefined;
  const from = isStar ? field.min : valueOf(fromText);
  const last = field.name === "day of week" ? 6 : field.max;
  // A week may be said to end on its Sunday: FRI-SUN.
  const isSunday = field.name === "day of week" && toText === "SUN" && from > 0;
  const to = isStar ? last : toText === undefined ? from : isSunday ? 7 : valueOf(toText);
  if (to < from) return fail(`the range "${range}" goes backwards; write two, as in 22-23,0-2`);
  if (stepText === undefined) return rangeOf(from, to, 1);

  if (!isStar && toText === undefined) return fail(`a step needs a range: write ${fromText}-${last}/${stepText}`);
  const step = /^\d{1,2}$/.test(stepText) ? Number(stepText) : 0;
  if (step < 1 || step > field.max) return fail(`the step "${stepText}" is not in 1–${field.max}`);
  return rangeOf(from, to, step);
}

function rangeOf(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}
