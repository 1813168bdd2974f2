#!/usr/bin/env node
import { logLines } from "@jobs/core/log-lines";
import { pino } from "pino";
import { startAgent } from "./agent.ts";
import { agentOptionsFrom } from "./config.ts";

const log = pino({ level: process.env["JOBS_LOG_LEVEL"] ?? "info" }, logLines(1));
try {
  const agent = await startAgent({ ...agentOptionsFrom(process.env), log });
  // The scripts go on: a stop of the agent is an upgrade or a restart, not a cancel.
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void agent.stop().then(() => process.exit(0)));
  void agent.broken.then(() => agent.stop()).then(() => process.exit(1));
} catch (error) {
  log.fatal({ err: error }, "the agent did not start");
  process.exit(1);
}
