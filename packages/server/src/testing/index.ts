/** What the simulation calls of a server from inside: its operations without HTTP in front of them. */
import { operations, type OperationName } from "@jobs/core";
import { parseInput } from "../http/input.ts";
import type { operationHandlers } from "../http/operations.ts";

export type { OperationsOptions } from "../http/handlers.ts";
export { operationHandlers } from "../http/operations.ts";

export type Handlers = ReturnType<typeof operationHandlers>;

/** An operation's input as its handler takes it; throws as the HTTP side does. */
export function parsedInput(name: OperationName, input: unknown): unknown {
  return parseInput(operations[name].input, input);
}
