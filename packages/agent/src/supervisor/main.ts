import { writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { VERSION } from "../version.ts";
import { hostEnvironmentOf } from "./environment.ts";
import { adoptOrphans } from "./leaders.ts";
import { Supervisor } from "./supervisor.ts";

const { values } = parseArgs({ options: { "state-dir": { type: "string" }, "idle-exit-ms": { type: "string" } } });
const stateDir = values["state-dir"];
if (stateDir === undefined) {
  log("usage: supervisor --state-dir DIR [--idle-exit-ms N]");
  process.exit(64);
}
const idleExitMs = values["idle-exit-ms"];
const supervisor = new Supervisor({
  stateDir,
  generation: VERSION,
  environment: hostEnvironmentOf(process.env),
  ...(idleExitMs === undefined ? {} : { idleExitMs: Number(idleExitMs) }),
  log,
});

adoptOrphans();
// The terminal or session it was started from may go; it must not.
process.on("SIGHUP", () => undefined);
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => void supervisor.stop());
// Dying would take every script of this host with it, so a fault in one place is survived and told.
process.on("uncaughtException", (error) => log(error.stack ?? String(error)));
process.on("unhandledRejection", (error) =>
  log(error instanceof Error ? (error.stack ?? error.message) : String(error)),
);

try {
  if (await supervisor.start()) await supervisor.stopped;
  else log(`another supervisor runs on ${stateDir}`);
  process.exit(0);
} catch (error) {
  log(`cannot start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(1);
}

function log(message: string): void {
  try {
    writeSync(2, `${new Date().toISOString()} ${message}\n`);
  } catch {
    // A full disk must not end the supervisor.
  }
}
