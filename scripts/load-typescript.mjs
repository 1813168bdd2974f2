/** A module hook of Node 20, which reads no TypeScript: sources are read as they are, without a build. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";

export async function load(url, context, nextLoad) {
  if (!url.startsWith("file:") || !url.endsWith(".ts")) return nextLoad(url, context);
  const options = { loader: "ts", format: "esm", target: "node20", sourcemap: "inline", sourcefile: url };
  const { code } = await transform(await readFile(fileURLToPath(url), "utf8"), options);
  return { format: "module", source: code, shortCircuit: true };
}
