/** Puts into the agents' inboxes what the records ask for, and again every few seconds until it is answered. */
import { currentAttempt, instantOf, type Run, type StartMessage } from "@jobs/core";
import { payloadKey, type ArtifactStore } from "@jobs/core/artifacts";
import { wantedFor } from "@jobs/core/decide";
import type { InboxStore } from "@jobs/core/jetstream";
import type { Logger } from "pino";

/** An unanswered message is sent again after this long, milliseconds. */
const AGAIN_MS = 5_000;

export interface MessengerOptions {
  readonly inbox: InboxStore;
  readonly artifacts: ArtifactStore;
  readonly epoch: () => string;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly log: Logger;
}

export class Messenger {
  readonly #options: MessengerOptions;
  /** When the message that a record asks for was last sent, by run: `sequence` is the record's. */
  readonly #sent = new Map<string, { readonly sequence: number; readonly atMs: number }>();

  constructor(options: MessengerOptions) {
    this.#options = options;
  }

  /** Sends `start` or `cancel` if the record asks for it and it was not sent just now. */
  async send(run: Run, sequence: number): Promise<void> {
    const wanted = wantedFor(run);
    const attempt = currentAttempt(run);
    if (attempt === undefined || (wanted !== "start" && wanted !== "cancel")) {
      this.#sent.delete(run.run);
      return;
    }
    const nowMs = this.#options.monotonicMs();
    const sent = this.#sent.get(run.run);
    if (sent?.sequence === sequence && nowMs - sent.atMs < AGAIN_MS) return;
    this.#sent.set(run.run, { sequence, atMs: nowMs });
    try {
      const fence = { epoch: this.#options.epoch(), sequence };
      const { agent, number, licence, lostAfterMs, graceMs } = attempt;
      const about = { v: 1, job: run.job, run: run.run, attempt: number, fence, graceMs } as const;
      if (wanted === "cancel") return await this.#options.inbox.put(agent, { ...about, kind: "cancel" });
      const { overlap, payload, timeoutMs, silenceMs } = run;
      await this.#options.inbox.put(agent, {
        ...about,
        kind: "start",
        licence,
        overlap,
        lostAfterMs,
        ...(typeof timeoutMs === "number" ? { timeoutMs } : {}),
        ...(typeof silenceMs === "number" ? { silenceMs } : {}),
        payload,
        ...(await this.#payloadFrom(run)),
        ...this.#whenOf(run),
      });
    } catch (error) {
      this.#sent.delete(run.run); // the next round sends it
      this.#options.log.warn({ err: error, run: run.run, wanted }, "a message to an agent was not stored");
    }
  }

  #whenOf(run: Run): Pick<StartMessage, "sentAt" | "startAt"> {
    const nowMs = this.#options.nowMs();
    const { dueAt } = run.times;
    const sentAt = instantOf(nowMs);
    return dueAt !== undefined && Date.parse(dueAt) > nowMs ? { sentAt, startAt: dueAt } : { sentAt };
  }

  async #payloadFrom({ payload }: Run): Promise<Pick<StartMessage, "payloadFrom">> {
    if (payload.body !== undefined) return {};
    return { payloadFrom: await this.#options.artifacts.downloadFrom(payloadKey(payload.sha256)) };
  }
}
