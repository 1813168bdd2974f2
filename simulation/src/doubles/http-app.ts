/** Takes the place of the server's `http/app.ts`: its operations, to be called by simulated clients. */
import { operationHandlers, type OperationsOptions } from "@jobs/server/testing";
import { machine, self } from "../kernel/machine.ts";

/** What `/healthz` tells. */
export interface Health {
  readonly status: "ok" | "degraded";
}

export function createApp(options: OperationsOptions) {
  const server = self();
  const { doors } = machine();
  return {
    server: { address: () => ({ address: "127.0.0.1", port: server.pid, family: "IPv4" }) },
    listen: (): Promise<void> => {
      doors.open(server, operationHandlers(options));
      return Promise.resolve();
    },
    close: (): Promise<void> => {
      doors.close(server);
      return Promise.resolve();
    },
  };
}
