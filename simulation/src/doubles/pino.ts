/** Takes the place of `pino`: what is logged is in the trace. */
import { kernel } from "../kernel/machine.ts";

export interface Logger {
  child(): Logger;
  debug(about: object | string, message?: string): void;
  info(about: object | string, message?: string): void;
  warn(about: object | string, message?: string): void;
  error(about: object | string, message?: string): void;
  fatal(about: object | string, message?: string): void;
}

function say(about: object | string, message = ""): void {
  const { err } = about as { err?: unknown };
  const cause = err instanceof Error ? `: ${err.message}` : "";
  kernel().note(typeof about === "string" ? about : `${message}${cause}`);
}

const LOGGER: Logger = { child: () => LOGGER, debug: say, info: say, warn: say, error: say, fatal: say };

export function pino(): Logger {
  return LOGGER;
}
