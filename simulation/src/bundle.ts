/**
 * Bundles the product's code with doubles in the place of what surrounds it: Node's modules, the NATS client, the pty.
 * The code of the product itself is what ships, but for one line when a planted fault is asked for.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import { FAULTS, type Fault } from "./faults/index.ts";

/** What is replaced when the product's code imports it. */
const MODULES: Readonly<Record<string, string>> = {
  "node:fs": "node-fs",
  "node:fs/promises": "node-fs-promises",
  "node:net": "node-net",
  "node:os": "node-os",
  "node:crypto": "node-crypto",
  "node:child_process": "node-child-process",
  "node:timers/promises": "node-timers-promises",
  "@nats-io/transport-node": "nats-transport",
  "@nats-io/jetstream": "nats-jetstream",
  pino: "pino",
};

/** Files of the product that only touch the outside. */
const FILES: Readonly<Record<string, string>> = {
  "packages/agent/src/supervisor/pty.ts": "pty",
  "packages/agent/src/supervisor/leaders.ts": "leaders",
  "packages/agent/src/supervisor/process-table.ts": "process-table",
  "packages/core/src/artifacts/file-store.ts": "file-store",
  "packages/server/src/http/app.ts": "http-app",
  "packages/server/src/websocket/follow.ts": "follow",
  "packages/server/src/submission/shell-checker.ts": "shell-checker",
};

export interface BundleOptions {
  /** The root of the checkout. */
  readonly root: string;
  readonly outfile: string;
  /** Name of the fault that is planted. */
  readonly fault?: string | undefined;
}

export async function bundle({ root, outfile, fault }: BundleOptions): Promise<void> {
  const planted = fault === undefined ? [] : faultNamed(fault).edits;
  await build({
    entryPoints: [join(root, "simulation/src/main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["@jobs/source"],
    logLevel: "error",
    banner: {
      // Dependencies in CommonJS call require(), which a module does not have.
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    plugins: [doubles(root), faults(root, planted)],
  });
}

function doubles(root: string): Plugin {
  const double = (name: string): { path: string } => ({ path: join(root, "simulation/src/doubles", `${name}.ts`) });
  return {
    name: "doubles",
    setup(build) {
      build.onResolve({ filter: /^(?:node:|@nats-io\/|pino$)/ }, ({ path, importer }) => {
        const name = MODULES[path];
        return name !== undefined && importer.startsWith(join(root, "packages/")) ? double(name) : undefined;
      });
      build.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
        const file = join(resolveDir, path).slice(root.length + 1);
        const name = FILES[file];
        return name === undefined ? undefined : double(name);
      });
    },
  };
}

function faults(root: string, edits: Fault["edits"]): Plugin {
  return {
    name: "faults",
    setup(build) {
      for (const file of new Set(edits.map((edit) => edit.file))) {
        const path = join(root, file);
        const filter = new RegExp(`^${path.replaceAll(/[.\\/]/g, String.raw`\$&`)}$`);
        build.onLoad({ filter }, async () => {
          let contents = await readFile(path, "utf8");
          for (const { find, replace } of edits.filter((edit) => edit.file === file)) {
            const parts = contents.split(find);
            if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${find}`);
            contents = parts.join(replace);
          }
          return { contents, loader: "ts" };
        });
      }
    },
  };
}

/** What the worlds must be like for a fault to show: without outages and operators, unless it is about them. */
export function scaleOf(name: string): NonNullable<Fault["scale"]> {
  return { hasOutages: false, operatorMs: 0, ...faultNamed(name).scale };
}

function faultNamed(name: string): Fault {
  const fault = (FAULTS as Readonly<Record<string, Fault>>)[name];
  if (fault === undefined)
    throw new Error(`There is no fault “${name}”. There are: ${Object.keys(FAULTS).join(", ")}.`);
  return fault;
}
