/** What stands open to clients: the operations of each server that listens, and the objects that servers share. */
import type { Handlers } from "@jobs/server/testing";
import type { Process } from "../kernel/process.ts";

export class Doors {
  /** Sizes of the objects in the artifact store, by key. */
  readonly objects = new Map<string, number>();
  readonly #open = new Map<Process, Handlers>();

  open(server: Process, handlers: Handlers): void {
    this.#open.set(server, handlers);
    server.onEnd(() => this.close(server));
  }

  close(server: Process): void {
    this.#open.delete(server);
  }

  find(server: Process): Handlers | undefined {
    return this.#open.get(server);
  }

  servers(): readonly Process[] {
    return [...this.#open.keys()];
  }
}
