import { isDeepStrictEqual } from "node:util";
/** What `/metrics` answers, read. */
import { TOKEN } from "./stack.ts";

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Figures {
  /** The type of each metric. */
  readonly types: ReadonlyMap<string, string>;
  readonly series: readonly Series[];
  /** The value of the one series with these labels and no others; undefined when there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
}

/** Scrapes once; rejects when the answer is not 200. */
export async function scrape(url: string): Promise<Figures> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const response = await fetch(`${url}/metrics`, { headers, signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`/metrics answered ${response.status}: ${await response.text()}`);
  return parseFigures(await response.text());
}

function parseFigures(text: string): Figures {
  const types = new Map<string, string>();
  const series: Series[] = [];
  for (const line of text.split("\n")) {
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (typed !== undefined && type !== undefined) types.set(typed, type);
    if (line === "" || line.startsWith("#")) continue;
    const [, name, labels = "", value = ""] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`no line of the text form: ${line}`);
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", one = ""]) => [key, one] as const);
    series.push({ name, labels: Object.fromEntries(pairs), value: Number(value.replace("Inf", "Infinity")) });
  }
  const value: Figures["value"] = (name, labels = {}) =>
    series.find((one) => one.name === name && isDeepStrictEqual(one.labels, labels))?.value;
  return { types, series, value };
}
