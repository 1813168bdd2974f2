/** `npm start [-- arguments]`: the whole stack on this machine, from any state of the checkout. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { endWithParent, prepare, ROOT } from "./prepare.mjs";

if (process.env["npm_lifecycle_event"] !== undefined) endWithParent();
await prepare();

// In this very process: Ctrl-C and SIGTERM reach the program itself, and its exit code is ours.
const main = join(ROOT, "packages/local/dist/main.js");
process.argv[1] = main;
await import(pathToFileURL(main).href);
