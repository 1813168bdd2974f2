import { readFileSync } from "node:fs";
import { defineConfig } from "tsup";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")) as { version: string };

export default defineConfig([
  {
    // One file without dependencies but the native pty, so that it runs on unharmed while the agent is upgraded.
    entry: { supervisor: "src/supervisor/main.ts" },
    outDir: "dist/bundle",
    format: "esm",
    outExtension: () => ({ js: ".mjs" }),
    platform: "node",
    target: "node20",
    external: ["node-pty"],
    env: { JOBS_GENERATION: version },
    dts: false,
    clean: false,
    splitting: false,
  },
  {
    // Everything in it but the native pty; it looks for the supervisor beside it.
    entry: { agent: "src/main.ts" },
    outDir: "dist/bundle",
    format: "esm",
    outExtension: () => ({ js: ".mjs" }),
    platform: "node",
    target: "node20",
    noExternal: [/^(?!node-pty$)/],
    dts: false,
    clean: false,
    splitting: false,
    banner: {
      // Dependencies in CommonJS call require(), which a module does not have.
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    esbuildOptions: (options) => {
      options.conditions = ["@jobs/source"];
    },
  },
]);
