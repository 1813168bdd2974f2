/** Commands from a server to the deciding one: a plain request and its answer, kept nowhere. Each may be sent again. */
import { errors, type Subscription } from "@nats-io/transport-node";
import { JobsError } from "../errors.ts";
import { subjects } from "../protocol/subjects.ts";
import type { NatsLink } from "./connection.ts";

/**
 * A server that was killed, sleeps or is cut off never answers, and a request on its way to it may be lost: then it is
 * asked again, or the one that decides by then, well before somebody loses patience. Milliseconds.
 */
const TIMEOUT_MS = 1_000;

/** Answers commands sent to `server`; `handle` gets and gives JSON values, its {@link JobsError} goes back to the asker. */
export function serveCommands(
  link: NatsLink,
  server: string,
  handle: (command: unknown) => Promise<unknown>,
): { stop(): void } {
  const subscription: Subscription = link.connection.subscribe(subjects.server.command(server), {
    callback: (error, message) => {
      if (error !== null) return;
      void Promise.resolve()
        .then(() => handle(message.json()))
        .then((result) => ({ result }))
        .catch((thrown: unknown) =>
          (thrown instanceof JobsError ? thrown : new JobsError("internal", String(thrown))).toBody(),
        )
        .then((answer) => message.respond(JSON.stringify(answer)))
        .catch(() => undefined); // the connection is closed: the asker asks another server
    },
  });
  return { stop: () => subscription.unsubscribe() };
}

/** Asks `server`; throws its {@link JobsError}, `no-deciding-server` when it is not there, or {@link unanswered}. */
export async function requestCommand(link: NatsLink, server: string, command: unknown): Promise<unknown> {
  const asked = link.connection.request(subjects.server.command(server), JSON.stringify(command), {
    timeout: TIMEOUT_MS,
  });
  const answer = await asked.then(
    (message) => message.json<{ result?: unknown }>(),
    (cause: unknown) => {
      if (cause instanceof errors.RequestError && cause.isNoResponders())
        throw new JobsError("no-deciding-server", "The deciding server is not there: try again.", { cause });
      throw unanswered(cause);
    },
  );
  const error = JobsError.fromBody(answer);
  if (error !== undefined) throw error;
  return answer.result;
}

/** The error for a command that may have reached a server, which did not answer: nobody knows what came of it. */
export function unanswered(cause?: unknown): JobsError {
  const message =
    "The deciding server was asked and does not answer, it is not known whether this was done: look, and try again.";
  return new JobsError("no-deciding-server", message, { cause, details: { outcome: "unknown" } });
}

/** True of what {@link unanswered} made. */
export function isUnanswered({ details }: JobsError): boolean {
  return details?.["outcome"] === "unknown";
}
