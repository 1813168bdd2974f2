/** Calls operations of servers as somebody outside does: at any server, late, and perhaps without an answer. */
import { parsedInput, type Handlers } from "@jobs/server/testing";
import type { Kernel } from "../kernel/kernel.ts";
import type { Process } from "../kernel/process.ts";
import type { Doors } from "./doors.ts";

export type OperationName = keyof Handlers;

interface DoorBellOptions {
  readonly kernel: Kernel;
  /** Who calls. */
  readonly process: Process;
  readonly doors: Doors;
}

const ANSWER_WITHIN_MS = 20_000;

export class DoorBell {
  readonly #options: DoorBellOptions;
  /** Questions without an answer so far. */
  waiting = 0;

  constructor(options: DoorBellOptions) {
    this.#options = options;
  }

  /** Calls an operation of some server; rejects with its error, or when no answer comes. */
  ask(operation: OperationName, input: object): Promise<unknown> {
    this.waiting++;
    return this.#ask(operation, input).finally(() => this.waiting--);
  }

  #ask(operation: OperationName, input: object): Promise<unknown> {
    const { kernel, process, doors } = this.#options;
    const servers = doors.servers();
    if (servers.length === 0) return Promise.reject(new Error("no server listens"));
    const server = kernel.random.pick(servers);
    const handle = doors.find(server)?.[operation] as (input: unknown, by: string) => Promise<unknown>;
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error("no answer")), ANSWER_WITHIN_MS);
      const back = (act: () => void): void =>
        process.does(
          "answer to client",
          () => {
            clearTimeout(limit);
            act();
          },
          kernel.random.between(0.2, 5),
        );
      const carryOut = async (): Promise<unknown> => handle(parsedInput(operation, input), process.name);
      server.does(
        "client request",
        () => {
          carryOut().then(
            (output) => back(() => resolve(output)),
            (error: unknown) => back(() => reject(error as Error)),
          );
        },
        kernel.random.between(0.2, 5),
      );
    });
  }
}
