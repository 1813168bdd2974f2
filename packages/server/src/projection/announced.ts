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
    if ((this.#entries.get(subject)?.sequence ?? 0) < entry.sequence) this.#entries.set(subject, entry);
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

  /** `deleted`: a marker stands in its place. */
  findDefinition(job: string): JobDefinition | "deleted" | undefined {
    for (const { definition, job: of, kind } of this.#entries.values())
      if (of === job && (definition !== undefined || kind === "marker")) return definition ?? "deleted";
    return undefined;
  }

  /** The jobs that something was announced of. */
  jobs(): readonly string[] {
    return [...this.#entries.values()].map(({ job }) => job);
  }
}
