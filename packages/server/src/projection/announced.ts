/** What other servers said they have stored and that no watch has delivered yet. There is little of it, and not for long. */
import type { JobDefinition, Run } from "@jobs/core";
import type { JobEntry } from "@jobs/core/jetstream";

/** A record that was announced, with its sequence. */
interface AnnouncedRun {
  readonly run: Run;
  readonly sequence: number;
}

export class Announced {
  readonly #entries = new Map<string, JobEntry>();

  set(subject: string, entry: JobEntry): void {
    this.#entries.set(subject, entry);
  }

  /** A watch has delivered this: what was announced of it before counts no more. */
  delivered({ subject, sequence }: JobEntry): void {
    if ((this.#entries.get(subject)?.sequence ?? 0) <= sequence) this.#entries.delete(subject);
  }

  clear(): void {
    this.#entries.clear();
  }

  findRun(run: string): AnnouncedRun | undefined {
    for (const { run: announced, sequence } of this.#entries.values())
      if (announced?.run === run) return { run: announced, sequence };
    return undefined;
  }

  findDefinition(job: string): JobDefinition | undefined {
    for (const { definition } of this.#entries.values()) if (definition?.job === job) return definition;
    return undefined;
  }

  /** The jobs that something was announced of. */
  jobs(): readonly string[] {
    return [...this.#entries.values()].map(({ job }) => job);
  }
}
