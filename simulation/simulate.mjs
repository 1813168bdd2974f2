/** `npm run simulate -- --seed N | --seeds A..B | --steps N | --minutes N [--nodes 1|3] [--fault NAME] [--trace]`. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const words = process.argv.slice(2);
const at = words.indexOf("--fault");
const [, fault] = at < 0 ? [] : words.splice(at, 2);
if (words.includes("--night")) words.splice(words.indexOf("--night"), 1, "--minutes", "480");

const folder = mkdtempSync(join(tmpdir(), "jobs-simulation-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const bundler = join(folder, "bundle.mjs");
await build({
  entryPoints: [join(root, "simulation/src/bundle.ts")],
  outfile: bundler,
  bundle: true,
  platform: "node",
  format: "esm",
  packages: "external",
  absWorkingDir: root,
  nodePaths: [join(root, "node_modules")],
  alias: { esbuild: pathToFileURL(join(root, "node_modules/esbuild/lib/main.js")).href },
});
const { bundle, scaleOf } = await import(pathToFileURL(bundler).href);
const outfile = join(folder, "simulation.mjs");
await bundle({ root, outfile, fault });
if (fault !== undefined && !words.includes("--scale")) words.push("--scale", JSON.stringify(scaleOf(fault)));
const child = spawn(process.execPath, ["--enable-source-maps", outfile, ...words], { stdio: "inherit" });
child.on("exit", (code) => process.exit(code ?? 1));
