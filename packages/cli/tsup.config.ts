import { join } from "node:path";
import { defineConfig, type Options } from "tsup";

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

/** zod brings its messages in fifty languages, which are half of the bundle and of the time to load it: English is enough. */
const englishOnly: Plugin = {
  name: "zod-english-only",
  setup: (build) =>
    build.onResolve({ filter: /\/locales\/index\.js$/ }, ({ resolveDir }) =>
      resolveDir.includes("/node_modules/zod/") ? { path: join(resolveDir, "../locales/en.js") } : undefined,
    ),
};

/** One file with everything in it: it starts fast and can be copied anywhere. */
export default defineConfig({
  entry: { jobs: "src/main.ts" },
  outDir: "dist/bundle",
  format: "esm",
  outExtension: () => ({ js: ".mjs" }),
  platform: "node",
  target: "node20",
  splitting: false,
  minify: true,
  dts: false,
  clean: true,
  noExternal: [/.*/],
  esbuildPlugins: [englishOnly],
  banner: {
    // Dependencies in CommonJS call require(), which a module does not have.
    js: '#!/usr/bin/env node\nimport { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  esbuildOptions: (options) => {
    options.conditions = ["@jobs/source"];
  },
});
