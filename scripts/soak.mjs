/** `npm run soak -- [--minutes N] [--nodes 1|3] [--seed N]`: faults at random on a whole system, from any state of the checkout. */
import { register } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { endWithParent, prepare, ROOT } from "./prepare.mjs";

if (process.env["npm_lifecycle_event"] !== undefined) endWithParent();
await prepare();

register("./load-typescript.mjs", import.meta.url);
await import(pathToFileURL(join(ROOT, "e2e/chaos/soak.ts")).href);
