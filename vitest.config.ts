import { defineConfig } from "vitest/config";

/** Sister packages are read from their sources, so that no test needs a build; after it, the conditions of Node. */
const conditions = ["@jobs/source", "module", "node", "development|production"];
const resolve = { conditions };
const ssr = { resolve: { conditions } };

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: "packages",
          include: ["packages/*/src/**/*.test.ts", "*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Each of these runs the whole system, and some measure time: one after the other, when nothing else runs.
        resolve,
        ssr,
        test: {
          name: "e2e",
          include: ["e2e/**/*.test.ts", "examples/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Each starts processes of its own that keep a core busy.
        resolve,
        ssr,
        test: {
          name: "simulation",
          include: ["simulation/**/*.test.ts"],
          testTimeout: 240_000,
          maxWorkers: 1,
          maxConcurrency: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
