import { defineConfig } from "tsup";

export default defineConfig([
  {
    // One file without dependencies but the way into the C library, so that it runs on unharmed while the agent is upgraded.
    entry: { supervisor: "src/supervisor/main.ts" },
    outDir: "dist/bundle",
    format: "esm",
    outExtension: () => ({ js: ".mjs" }),
    platform: "node",
    target: "node20",
    external: ["koffi"],
    dts: false,
    clean: false,
    splitting: false,
  },
  {
    // Everything in it but the way into the C library; it looks for the supervisor beside it.
    entry: { agent: "src/main.ts" },
    outDir: "dist/bundle",
    format: "esm",
    outExtension: () => ({ js: ".mjs" }),
    platform: "node",
    target: "node20",
    noExternal: [/^(?!koffi$)/],
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
