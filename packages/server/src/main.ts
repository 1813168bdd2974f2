/** What `bin/jobs-server` runs. */
import { logLines } from "@jobs/core/log-lines";
import { pino } from "pino";
import { serverOptionsFrom } from "./config.ts";
import { startServer } from "./server.ts";

const log = pino({ level: process.env["JOBS_LOG_LEVEL"] ?? "info" }, logLines(1));
try {
  const server = await startServer({ ...serverOptionsFrom(process.env), log });
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void server.stop().then(() => process.exit(0)));
} catch (error) {
  log.fatal({ err: error }, "the server did not start");
  process.exit(1);
}
