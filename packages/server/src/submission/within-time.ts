/** A limit of time for what other people's regular expressions do: some take ages, and the server does nothing else then. */
import { createContext, Script } from "node:vm";
import { JobsError } from "@jobs/core";

const LIMIT_MS = 250;

const calling = new Script("act()");
const context = createContext({});

/** Calls what is not asynchronous. Throws `parameters-invalid` when it takes too long. */
export function withinTime<T>(act: () => T): T {
  context["act"] = act;
  try {
    return calling.runInContext(context, { timeout: LIMIT_MS }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    const message = "To match a parameter with its pattern takes too long: write a simpler pattern.";
    throw new JobsError("parameters-invalid", message, { field: "parameters", cause: error });
  }
}
