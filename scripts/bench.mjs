/** `npm run bench -- NAME [--json] [--peers]`: one benchmark, from any state of the checkout; `--list` names them. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { endWithParent, ROOT, run } from "./prepare.mjs";

if (process.env["npm_lifecycle_event"] !== undefined) endWithParent();
// What a build prints goes to the standard error: the standard output is for figures alone.
const code = await run(process.execPath, [join(ROOT, "scripts/prepare.mjs")], { stdio: ["inherit", 2, "inherit"] });
if (code !== 0) process.exit(code);

// In this very process: Ctrl-C and SIGTERM reach the benchmark itself, which then ends what it started.
await import(pathToFileURL(join(ROOT, "benchmarks/run.mjs")).href);
