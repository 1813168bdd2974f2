/** AUDIT: who did what, one message an act, kept for ever unless an operator sets a limit. */
import { AuditEntry } from "../protocol/commands.ts";
import { subjects } from "../protocol/subjects.ts";
import type { NatsLink } from "./connection.ts";
import { outcomeOf } from "./publish.ts";
import { STREAMS } from "./topology.ts";

export class AuditStore {
  readonly #link: NatsLink;

  constructor(link: NatsLink) {
    this.#link = link;
  }

  /** Writes an entry under an id of its own: the same again is one entry. Throws when it was not stored. */
  async write(id: string, entry: AuditEntry): Promise<void> {
    const publishing = this.#link.js.publish(subjects.audit.entry(entry.action, id), JSON.stringify(entry), {
      expect: { lastSubjectSequence: 0 },
    });
    const outcome = await outcomeOf(publishing);
    if (outcome.kind === "refused" || outcome.kind === "unknown")
      throw new Error("the audit entry was not stored", { cause: outcome.cause });
  }

  /** The newest first, at most `limit`; one read each. */
  async list(limit: number): Promise<readonly AuditEntry[]> {
    const { state } = await this.#link.jsm.streams.info(STREAMS.audit);
    const entries: AuditEntry[] = [];
    for (let seq = state.last_seq; seq >= Math.max(1, state.first_seq) && entries.length < limit; seq--) {
      const message = await this.#link.jsm.streams.getMessage(STREAMS.audit, { seq });
      if (message !== null) entries.push(AuditEntry.parse(message.json()));
    }
    return entries;
  }
}
