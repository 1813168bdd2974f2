/**
 * The arrows of the architecture, checked on the text of all sources. Every rule is also run on a planted violation,
 * which it must find: a rule that finds nothing any more, because a folder or a tool changed, would stay green forever.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, posix, relative, sep } from "node:path";
import { execPath } from "node:process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { ERROR_CODES, exitCodeOf, httpStatusOf } from "./packages/core/src/errors.ts";

/** A file by its path from the root, e.g. `packages/core/src/domain/run.ts`. */
interface Source {
  readonly file: string;
  readonly text: string;
}

interface Import {
  readonly from: string;
  readonly specifier: string;
  /** The source file it leads to; undefined for packages of others. */
  readonly to: string | undefined;
}

/** What an export condition gives: one file, or files by further conditions. */
type SourceCondition = string | { readonly default: string };

type Rule = (sources: readonly Source[]) => string[];

const ROOT = import.meta.dirname;
const MAX_LINES = 300;
const SUBJECTS_FILE = "packages/core/src/protocol/subjects.ts";
const BROWSER_SAFE = ["packages/core/src/index.ts", "packages/core/src/schedule/index.ts", "packages/sdk/src/index.ts"];

/** What each package may import of the others. */
const PACKAGE_ARROWS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  sdk: ["core"],
  server: ["core"],
  agent: ["core"],
  cli: ["core", "sdk"],
  web: ["core", "sdk"],
  local: ["core", "sdk", "server", "agent"],
};

/** What each part of core may import of the other parts, and of the packages of others. */
const CORE_ARROWS: Readonly<Record<string, { parts: readonly string[]; packages: RegExp }>> = {
  "errors.ts": { parts: [], packages: /^zod$/ },
  "lifecycle.ts": { parts: ["errors.ts"], packages: /^$/ },
  domain: { parts: ["errors.ts"], packages: /^zod$/ },
  schedule: { parts: ["errors.ts", "domain"], packages: /^(?:croner|temporal-polyfill)$/ },
  decide: { parts: ["errors.ts", "domain", "schedule"], packages: /^$/ },
  protocol: { parts: ["errors.ts", "domain", "schedule", "decide"], packages: /^zod$/ },
  jetstream: { parts: ["errors.ts", "lifecycle.ts", "domain", "schedule", "decide", "protocol"], packages: /./ },
  artifacts: { parts: ["errors.ts", "lifecycle.ts", "domain", "schedule", "decide", "protocol"], packages: /./ },
  "log-lines": { parts: [], packages: /^node:fs$/ },
  "nats-server": { parts: ["errors.ts", "lifecycle.ts"], packages: /./ },
};

const sources = await readSources();
const doors = await readDoors();

const packagesFollowTheArrows: Rule = (all) =>
  findImports(all).flatMap(({ from, specifier }) => {
    const [, name = ""] = /^@jobs\/([^/]+)/.exec(specifier) ?? [];
    const allowed = [...(PACKAGE_ARROWS[packageOf(from)] ?? []), packageOf(from)];
    return name === "" || allowed.includes(name) ? [] : [`${from} imports ${specifier}`];
  });

const importsGoThroughDoors: Rule = (all) =>
  findImports(all).flatMap(({ from, specifier, to }) => {
    const closed = specifier.startsWith("@jobs/") && !doors.has(specifier);
    const escaped = specifier.startsWith(".") && to !== undefined && packageOf(to) !== packageOf(from);
    return closed || escaped ? [`${from} imports ${specifier}`] : [];
  });

const coreFollowsItsArrows: Rule = (all) =>
  findImports(withoutTests(all)).flatMap(({ from, specifier, to }) => {
    const arrows = CORE_ARROWS[corePartOf(from) ?? ""];
    if (arrows === undefined) return [];
    const part = to === undefined ? undefined : corePartOf(to);
    const allowed =
      part === undefined ? arrows.packages.test(specifier) : part === corePartOf(from) || arrows.parts.includes(part);
    return allowed ? [] : [`${from} imports ${specifier}`];
  });

const nothingIsCyclic: Rule = (all) => {
  const edges = new Map<string, string[]>();
  for (const { from, to } of findImports(all)) if (to !== undefined) edges.set(from, [...(edges.get(from) ?? []), to]);
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    if (path.includes(file) || done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
  return cycles;
};

const doorsForBrowsersAreSafe: Rule = (all) => {
  const imports = findImports(all);
  const reached = new Set(BROWSER_SAFE);
  for (const file of reached) {
    for (const { from, to } of imports) if (from === file && to !== undefined) reached.add(to);
  }
  return imports
    .filter(({ from, specifier }) => reached.has(from) && (isBuiltin(specifier) || specifier.startsWith("@nats-io/")))
    .map(({ from, specifier }) => `${from} imports ${specifier}`);
};

const subjectsAreBuiltInOnePlace: Rule = (all) =>
  withoutTests(all).flatMap(({ file, text }) => {
    if (file === SUBJECTS_FILE) return [];
    const literals = withoutComments(text).match(/["'`](?:agt|inbox|\$KV|srv|clock|history|audit)\.[^"'`]*/g) ?? [];
    return literals.map((literal) => `${file} writes the subject ${literal}`);
  });

const filesAreShort: Rule = (all) =>
  withoutTests(all).flatMap(({ file, text }) => {
    const lines = text.trimEnd().split("\n").length;
    return lines > MAX_LINES ? [`${file} has ${lines} lines`] : [];
  });

/** Fixtures take the place of a main file in tests. */
const READS_THE_ENVIRONMENT = [
  "packages/core/src/testing/",
  "packages/agent/src/supervisor/testing/",
  "packages/sdk/src/node-transport.ts", // JOBS_URL and JOBS_TOKEN are part of the SDK's contract: no main of ours runs there
];
/** But SIGCHLD: it is for whoever starts processes, and for nobody else. */
const onlyMainTouchesTheProcess: Rule = (all) =>
  withoutTests(all).flatMap(({ file, text }) => {
    if (basename(file) === "main.ts" || READS_THE_ENVIRONMENT.some((one) => file.startsWith(one))) return [];
    const uses = withoutComments(text).match(
      /\bprocess\s*\.\s*(?:env|exit|exitCode|on(?!\w|\("SIGCHLD")|once)\b|import\s*\{[^}]*\b(?:env|exit|exitCode|on|once)\b[^}]*\}\s*from "node:process"/g,
    );
    return (uses ?? []).map((use) => `${file} uses ${use}`);
  });

const PLANTED: Record<string, { rule: Rule; bad: readonly Source[]; good: readonly Source[] }> = {
  "a package imports only the packages that it may": {
    rule: packagesFollowTheArrows,
    bad: [
      source("core/src/a.ts", `import { a } from "@jobs/sdk";`),
      source("server/src/a.ts", `import type { A } from "@jobs/agent";`),
      source("agent/src/a.ts", `export * from "@jobs/server";`),
      source("cli/src/a.ts", `const a = await import("@jobs/server");`),
      source("sdk/src/a.ts", `import {\n  a,\n} from "@jobs/local";`),
    ],
    good: [source("local/src/a.ts", `import { a } from "@jobs/server";\n// import { b } from "@jobs/cli";`)],
  },
  "packages are imported through their doors": {
    rule: importsGoThroughDoors,
    bad: [
      source("server/src/a.ts", `import { a } from "@jobs/core/src/domain/run.ts";`),
      source("server/src/b.ts", `import { a } from "../../core/src/domain/run.ts";`),
    ],
    good: [source("server/src/c.ts", `import { a } from "@jobs/core/jetstream";\nimport { b } from "./a.ts";`)],
  },
  "in core: domain <- schedule <- decide <- protocol <- adapters": {
    rule: coreFollowsItsArrows,
    bad: [
      source("core/src/domain/a.ts", `import { a } from "../decide/b.ts";`),
      source("core/src/domain/b.ts", `import { a } from "node:fs";`),
      source("core/src/domain/c.ts", `import { a } from "../schedule/b.ts";`),
      source("core/src/schedule/a.ts", `import { a } from "../decide/b.ts";`),
      source("core/src/schedule/b.ts", `import { z } from "zod";`),
      source("core/src/decide/a.ts", `import { a } from "../protocol/b.ts";`),
      source("core/src/decide/b.ts", `import { z } from "zod";`),
      source("core/src/protocol/a.ts", `import type { A } from "../jetstream/b.ts";`),
      source("core/src/jetstream/a.ts", `import { a } from "../artifacts/index.ts";`),
    ],
    good: [
      source("core/src/decide/c.ts", `import { a } from "../domain/a.ts";\nimport { b } from "../errors.ts";`),
      source("core/src/decide/d.ts", `import { a } from "../schedule/a.ts";`),
    ],
  },
  "no imports in a circle, types included": {
    rule: nothingIsCyclic,
    bad: [
      source("core/src/a.ts", `import type { B } from "./b.ts";`),
      source("core/src/b.ts", `import { c } from "@jobs/sdk";`),
      source("sdk/src/index.ts", `export { a } from "../../core/src/a.ts";`),
    ],
    good: [source("core/src/a.ts", `import { b } from "./b.ts";`), source("core/src/b.ts", "export const b = 1;")],
  },
  "the doors for browsers reach nothing of Node and NATS": {
    rule: doorsForBrowsersAreSafe,
    bad: [
      source("sdk/src/index.ts", `export { a } from "./a.ts";`),
      source("sdk/src/a.ts", `import { b } from "@jobs/core";`),
      source("core/src/index.ts", `export { c } from "./c.ts";`),
      source("core/src/c.ts", `import { readFile } from "node:fs/promises";`),
    ],
    good: [source("core/src/index.ts", ""), source("core/src/c.ts", `import { a } from "node:fs";`)],
  },
  "subjects are written in one file": {
    rule: subjectsAreBuiltInOnePlace,
    bad: [
      source("server/src/a.ts", "const subject = `inbox.${agent}`;"),
      source("agent/src/a.ts", `const subject = "agt." + id;`),
      source("core/src/jetstream/a.ts", `const subject = '$KV.jobs.>';`),
    ],
    good: [source("core/src/protocol/subjects.ts", `const a = "agt.";`), source("core/src/a.test.ts", `"agt.x"`)],
  },
  "no source file is longer than 300 lines": {
    rule: filesAreShort,
    bad: [source("core/src/a.ts", "a;\n".repeat(MAX_LINES + 1))],
    good: [source("core/src/a.ts", "a;\n".repeat(MAX_LINES))],
  },
  "only main files touch the environment, signals and the exit": {
    rule: onlyMainTouchesTheProcess,
    bad: [
      source("server/src/a.ts", `const a = process.env["A"];`),
      source("server/src/b.ts", `import { env } from "node:process";`),
      source("cli/src/c.ts", `process.exit(1);`),
      source("agent/src/d.ts", `process.on("SIGTERM", stop);`),
    ],
    good: [
      source("server/src/main.ts", `process.on("x", y);`),
      source("server/src/a.ts", `process.once_more;`),
      source("agent/src/b.ts", `process.on("SIGCHLD", reap);`),
    ],
  },
};

test("all packages and their sources are read", () => {
  expect(new Set(sources.map(({ file }) => packageOf(file)))).toContain("core");
  expect(sources.length).toBeGreaterThan(20);
  expect(doors.get("@jobs/core")).toBe("packages/core/src/index.ts");
  expect(findImports(sources).filter(({ to }) => to !== undefined).length).toBeGreaterThan(20);
  expect(sources.map(({ file }) => packageOf(file)).filter((name) => PACKAGE_ARROWS[name] === undefined)).toEqual([]);
});

describe.each(Object.entries(PLANTED))("%s", (_, { rule, bad, good }) => {
  test("holds", () => expect(rule(sources)).toEqual([]));
  test("is broken by each planted violation", () => {
    const isChain = rule === nothingIsCyclic || rule === doorsForBrowsersAreSafe;
    for (const planted of isChain ? [bad] : bad.map((one) => [one])) expect(rule(planted)).not.toEqual([]);
    expect(rule(good)).toEqual([]);
  });
});

test("oxlint still sees a circle: it is silent when a tsconfig extends what it cannot find", async () => {
  const dir = await mkdtemp(join(tmpdir(), "jobs-architecture-"));
  try {
    await writeFile(join(dir, "tsconfig.json"), JSON.stringify({ extends: join(ROOT, "tsconfig.base.json") }));
    await writeFile(join(dir, "a.ts"), `import { b } from "./b.ts";\nexport const a = (): unknown => b;\n`);
    await writeFile(join(dir, "b.ts"), `import { a } from "./a.ts";\nexport const b = (): unknown => a;\n`);
    const oxlint = join(ROOT, "node_modules/oxlint/bin/oxlint");
    const run = promisify(execFile)(execPath, [oxlint, "-c", join(ROOT, ".oxlintrc.json"), "."], { cwd: dir });
    await expect(run).rejects.toMatchObject({ stdout: expect.stringContaining("no-cycle") as string });
  } finally {
    await rm(dir, { recursive: true });
  }
});

function source(path: string, text: string): Source {
  return { file: `packages/${path}`, text };
}

async function readSources(): Promise<Source[]> {
  const found: Source[] = [];
  for (const name of await readdir(join(ROOT, "packages"))) {
    const folder = join(ROOT, "packages", name, "src");
    for (const entry of await readdir(folder, { recursive: true }).catch(() => [])) {
      if (!/\.tsx?$/.test(entry) || entry.endsWith(".d.ts")) continue;
      const file = join(folder, entry);
      found.push({ file: relative(ROOT, file).split(sep).join("/"), text: await readFile(file, "utf8") });
    }
  }
  return found;
}

/** Every specifier by which a package may be imported, and the source file behind it (the one for browsers, if there are two). */
async function readDoors(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of await readdir(join(ROOT, "packages"))) {
    const text = await readFile(join(ROOT, "packages", name, "package.json"), "utf8").catch(() => "{}");
    const { exports = {} } = JSON.parse(text) as { exports?: Record<string, { "@jobs/source"?: SourceCondition }> };
    for (const [door, { "@jobs/source": condition = "" }] of Object.entries(exports)) {
      const file = typeof condition === "string" ? condition : condition.default;
      found.set(posix.join("@jobs", name, door), posix.join("packages", name, file));
    }
  }
  return found;
}

function findImports(all: readonly Source[]): Import[] {
  const pattern =
    /^\s*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm;
  return all.flatMap(({ file, text }) =>
    [...withoutComments(text).matchAll(pattern)].map((match) => {
      const specifier = match[1] ?? match[2] ?? match[3] ?? "";
      const to = specifier.startsWith(".") ? posix.join(dirname(file), specifier) : doors.get(specifier);
      return { from: file, specifier, to };
    }),
  );
}

/** Comments go, strings stay: a `//` inside a string is none. */
function withoutComments(text: string): string {
  return text.replace(/("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[^]*?\*\/|\/\/[^\n]*/g, "$1");
}

function withoutTests(all: readonly Source[]): Source[] {
  return all.filter(({ file }) => !/\.test\.tsx?$/.test(file));
}

function packageOf(file: string): string {
  return file.split("/")[1] ?? "";
}

function corePartOf(file: string): string | undefined {
  return file.startsWith("packages/core/src/") ? file.split("/")[3] : undefined;
}

test.each(["server", "agent", "cli"])("the version that %s names is its package's", async (name) => {
  const { version } = JSON.parse(await readFile(join(ROOT, "packages", name, "package.json"), "utf8")) as {
    version: string;
  };
  expect(await readFile(join(ROOT, "packages", name, "src/version.ts"), "utf8")).toContain(`"${version}"`);
});

test("docs/errors.md names every error code and no other", async () => {
  const named = [
    ...(await readFile(join(ROOT, "docs/errors.md"), "utf8")).matchAll(/^\| `([a-z-]+)` \| (\d+) \| (\d+) \|/gm),
  ];
  const table = ERROR_CODES.map((code) => [code, String(httpStatusOf(code)), String(exitCodeOf(code))]);
  expect(named.map(([, ...row]) => row)).toEqual(table);
});
