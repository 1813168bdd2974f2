/**
 * A host as decisions may count on it: it starts an attempt at most once and only under the very licence that the start
 * names, answers what it has seen before from its journal, and lists in each beat all that it has not been released from.
 */
import type { AttemptExit, Licence, Refusal } from "../domain/attempt.ts";
import type { Evidence } from "../domain/evidence.ts";
import type { OverlapPolicy } from "../domain/overlap.ts";

export interface HostOrder {
  readonly kind: "start" | "cancel";
  readonly agent: string;
  readonly job: string;
  readonly run: string;
  readonly attempt: number;
  readonly licence: Licence;
  readonly overlap: OverlapPolicy;
}

export interface HostBeat {
  readonly licence: Licence;
  readonly held: readonly { readonly run: string; readonly attempt: number }[];
}

export interface Journaled {
  readonly order: HostOrder;
  readonly phase: "refused" | "started" | "exited";
  readonly refusal?: Refusal;
  readonly exit?: AttemptExit;
}

/** What a model of the world may choose where a real host would meet it by chance. */
interface Chance {
  readonly refusal?: Refusal["code"] | undefined;
  readonly leftOverPids?: number[];
}

export class HostModel {
  readonly journal = new Map<string, Journaled>();
  readonly #slots: number;
  readonly #say: (evidence: Evidence) => void;
  readonly #released = new Set<string>();
  #session = 1;
  #number = 0;
  #isLicensed = false;
  #revision = 0;

  constructor(slots: number, say: (evidence: Evidence) => void) {
    this.#slots = slots;
    this.#say = say;
  }

  /** Attempts whose script runs, or has processes left. */
  occupied(): readonly HostOrder[] {
    return [...this.journal.values()].filter(isOccupied).map(({ order }) => order);
  }

  beat(): HostBeat {
    if (!this.#isLicensed) this.#number++;
    this.#isLicensed = true;
    const held = [...this.journal.values()].map(({ order: { run, attempt } }) => ({ run, attempt }));
    return { licence: this.#licence(), held };
  }

  lapse(): void {
    this.#isLicensed = false;
  }

  /** The agent begins anew; its scripts and its journal outlive it. */
  restart(): void {
    this.lapse();
    this.#session++;
    this.#number = 0;
  }

  take(order: HostOrder, chance: Chance): void {
    const key = keyOf(order);
    const known = this.journal.get(key);
    if (this.#released.has(key)) return;
    if (order.kind === "cancel" && known?.phase === "started")
      return this.end(key, { signal: "SIGTERM", cause: "cancelled", ...chance });
    if (known !== undefined) return this.#tell(known);
    const code = order.kind === "cancel" ? "cancelled" : (this.#refusalOf(order) ?? chance.refusal);
    if (code === undefined) this.#put({ order, phase: "started" });
    else this.#put({ order, phase: "refused", refusal: { code, message: code } });
  }

  /** A script ends. */
  end(key: string, { exitCode, signal, cause, leftOverPids }: AttemptExit): void {
    const known = this.journal.get(key);
    if (known?.phase !== "started") return;
    const exit = {
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(signal === undefined ? {} : { signal }),
      ...(cause === undefined ? {} : { cause }),
    };
    this.#put({ ...known, phase: "exited", exit: { ...exit, leftOverPids: leftOverPids ?? [] } });
  }

  /** What a script left over is gone. */
  clean(key: string): void {
    const known = this.journal.get(key);
    if (known?.phase === "exited") this.#put({ ...known, exit: { ...known.exit, leftOverPids: [] } });
  }

  release(key: string): void {
    const known = this.journal.get(key);
    if (known === undefined || isOccupied(known)) return;
    this.journal.delete(key);
    this.#released.add(key);
  }

  /** Says everything again. */
  tellAll(): void {
    for (const known of this.journal.values()) this.#tell(known);
  }

  #refusalOf({ job, run, licence, overlap }: HostOrder): Refusal["code"] | undefined {
    const own = this.#licence();
    if (!this.#isLicensed || licence.session !== own.session || licence.number !== own.number) return "no-licence";
    const occupied = this.occupied();
    if (occupied.length >= this.#slots) return "no-room";
    const isHeld = occupied.some(
      (one) => one.job === job && (one.run === run || one.overlap !== "allow" || overlap !== "allow"),
    );
    return isHeld ? "held" : undefined;
  }

  #licence(): Licence {
    return { session: `s${this.#session}`, number: this.#number };
  }

  #put(journaled: Journaled): void {
    this.journal.set(keyOf(journaled.order), journaled);
    this.#tell(journaled);
  }

  #tell({ order: { job, run, attempt }, phase, refusal, exit }: Journaled): void {
    this.#say({
      v: 1,
      job,
      run,
      attempt,
      fence: { epoch: "1", sequence: 1 },
      session: `s${this.#session}`,
      revision: ++this.#revision,
      phase,
      ...(refusal === undefined ? {} : { refusal }),
      ...(exit === undefined ? {} : { exit }),
      log: { lengthBytes: 0 },
      shippedBytes: 0,
    });
  }
}

export function keyOf({ run, attempt }: { run: string; attempt: number }): string {
  return `${run}.${attempt}`;
}

function isOccupied({ phase, exit }: Journaled): boolean {
  return phase === "started" || (exit?.leftOverPids?.length ?? 0) > 0;
}
