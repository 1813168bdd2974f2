import type { ServerResponse } from "node:http";
import type { FastifyInstance } from "fastify";

/** So long what is in flight may take once the server stops. */
const ANSWERED_WITHIN_MS = 5_000;

/** Before the app closes all connections it takes no new ones, and answers what is in flight. */
export function answerBeforeClose(app: FastifyInstance): void {
  let inFlight = 0;
  let onNone = (): void => undefined;
  app.server.on("request", (_request, response: ServerResponse) => {
    inFlight++;
    response.once("close", () => {
      if (--inFlight === 0) onNone();
    });
  });
  app.addHook("preClose", async () => {
    app.server.close();
    if (inFlight === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ANSWERED_WITHIN_MS);
      onNone = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  });
}
