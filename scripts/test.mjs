/** `npm test [-- arguments for vitest]`: all tests; the last line is `N passed, N failed`. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithParent, prepare, ROOT, run } from "./prepare.mjs";

let counts = { passed: 0, failed: 1 };
process.on("exit", () => {
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  if (counts.failed > 0) process.exitCode ||= 1;
});

if (process.env["npm_lifecycle_event"] !== undefined) endWithParent();
await prepare();

const folder = mkdtempSync(join(tmpdir(), "jobs-test-"));
const report = join(folder, "report.json");
try {
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const code = await run(process.execPath, [vitest, "run", ...reporters, ...process.argv.slice(2)]);
  counts = count(report);
  if (code === 0 && counts.passed === 0) console.log("no test has run");
  // Not a test's failure: vitest found no test, could not read a file, or saw an error outside of all tests.
  if ((code !== 0 || counts.passed === 0) && counts.failed === 0) counts.failed = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** A file that could not be loaded has no tests to count; it is one failure. */
function count(file) {
  let results;
  try {
    results = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { passed: 0, failed: 1 };
  }
  const broken = results.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.every((test) => test.status !== "failed"),
  );
  return { passed: results.numPassedTests, failed: results.numFailedTests + broken.length };
}
