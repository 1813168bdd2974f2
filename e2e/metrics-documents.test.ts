/** `docs/metrics.md` and the alert rules of `examples/03-prometheus`, held against what a server answers. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { scrape, type Figures } from "./support/metrics.ts";
import { startStack, type Stack } from "./support/stack.ts";

const ROOT = join(import.meta.dirname, "..");
const EXAMPLE = join(ROOT, "examples/03-prometheus");

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
}

let stack: Stack;
let figures: Figures;
beforeAll(async () => {
  stack = await startStack({ agents: [] });
  figures = await scrape(stack.servers[0]?.url ?? "");
});
afterAll(() => stack[Symbol.asyncDispose]());

/** Each metric of Jobs as `name type labels`. */
function answered(): string[] {
  const own = [...figures.types].filter(([name]) => name.startsWith("jobs_"));
  return own.map(([name, type]) => [name, type, ...labelsOf(name)].join(" "));
}

function labelsOf(name: string): string[] {
  const series = figures.series.filter((one) => metricOf(one.name) === name);
  return [...new Set(series.flatMap(({ labels }) => Object.keys(labels)))].filter((label) => label !== "le");
}

/** A histogram's series have names of their own. */
function metricOf(name: string): string {
  const base = name.replace(/_(?:bucket|sum|count)$/, "");
  return figures.types.get(base) === "histogram" ? base : name;
}

/** What is wrong with the selectors of an expression: metrics, labels, values that the server does not have. */
function faultsOf(expr: string): string[] {
  return [...expr.matchAll(/\b(jobs_\w+)(?:\{([^}]*)\})?/g)].flatMap(([, name = "", matchers = ""]) => {
    const series = figures.series.filter((one) => one.name === name);
    if (series.length === 0) return [`${name} is not told`];
    return [...matchers.matchAll(/(\w+)(=~?)"([^"]*)"/g)].flatMap(([, label = "", operator, text = ""]) => {
      const values = operator === "=~" ? text.split("|") : [text];
      const isThere = (value: string): boolean => series.some(({ labels }) => labels[label] === value);
      return values.filter((value) => !isThere(value)).map((value) => `${name} has no ${label} ${value}`);
    });
  });
}

test("docs/metrics.md lists every metric with its type and labels, and no other", async () => {
  const text = await readFile(join(ROOT, "docs/metrics.md"), "utf8");
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]+) \|/gm)].map(([, name, type, labels = ""]) =>
    [name, type, ...[...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label)].join(" "),
  );
  expect(rows.length).toBeGreaterThan(20);
  expect(rows.toSorted()).toEqual(answered().toSorted());
});

test("every alert asks for series that a server has", async () => {
  const { groups } = parse(await readFile(join(EXAMPLE, "alerts.yml"), "utf8")) as Rules;
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.length).toBeGreaterThan(12);
  expect(rules.flatMap(({ alert, expr }) => faultsOf(expr).map((fault) => `${alert}: ${fault}`))).toEqual([]);
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  expect(faultsOf("max(jobs_gone) > 0")).toEqual(["jobs_gone is not told"]);
  expect(faultsOf('jobs_agents{contact=~"no|perhaps"}')).toEqual(["jobs_agents has no contact perhaps"]);
});

test("alerts on what a server counts as it begins, before it is scraped, look at all that a young server has counted", async () => {
  const { groups } = parse(await readFile(join(EXAMPLE, "alerts.yml"), "utf8")) as Rules;
  const isOfTheBeginning = ({ expr }: { readonly expr: string }): boolean =>
    /jobs_slots_skipped_total|jobs_start_lateness_seconds/.test(expr);
  const rules = groups.flatMap((group) => group.rules).filter(isOfTheBeginning);
  expect(rules.map(({ alert }) => alert)).toEqual(["JobsStartsLate", "JobsSlotsMissed"]);
  for (const { expr } of rules) expect(expr).toMatch(/\bor increase\(/);
  const seconds = rules.map(
    ({ expr }) => /and on \(instance\) time\(\) - process_start_time_seconds < (\d+)/.exec(expr)?.[1],
  );
  const minutes = rules.map(({ expr }) => /\[(\d+)m\]/.exec(expr)?.[1]);
  expect(seconds.map(Number)).toEqual(minutes.map((one) => Number(one) * 60));
  expect(figures.series.map(({ name }) => name)).toContain("process_start_time_seconds");
});

test("the scrape configuration asks for what the server answers, and loads the rules", async () => {
  const config: unknown = parse(await readFile(join(EXAMPLE, "prometheus.yml"), "utf8"));
  expect(config).toMatchObject({
    rule_files: ["alerts.yml"],
    scrape_configs: [{ job_name: "jobs", metrics_path: "/metrics", authorization: { type: "Bearer" } }],
  });
});
