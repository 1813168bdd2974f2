/** How large a world is and how rough: drawn from its seed. */
import type { Random } from "../kernel/random.ts";
import { FAULT_KINDS, OUTAGE_KINDS, type FaultKind } from "./chaos.ts";

export interface Scale {
  readonly nodes: 1 | 3;
  readonly servers: number;
  readonly hosts: number;
  readonly slots: number;
  readonly jobs: readonly string[];
  /** Policies that submissions ask for. */
  readonly overlaps: readonly string[];
  readonly clients: number;
  /** Between two submissions of a client, about. */
  readonly paceMs: number;
  /** Between two mishaps, about. */
  readonly mishapMs: number;
  /** Mishaps that can come in this world. */
  readonly kinds: readonly FaultKind[];
  /** How long it is rough, before everything is repaired. */
  readonly roughMs: number;
  /** Runs may be lost: they ask for the shortest silence, some are long, and hosts fall silent for minutes. */
  readonly hasOutages: boolean;
  /** Between two acts of an operator, about; 0: none comes before all is calm. */
  readonly operatorMs: number;
  /** Between two slots of the first job's schedule; 0: it has none. */
  readonly everyMs: number;
  /** Between two edits of its schedules, about; 0: none. */
  readonly editMs: number;
  /** How many of the submissions are for all hosts that match: from 0 to 1. */
  readonly forAll: number;
  /** Submissions ask for no priority, no labels and nothing to come after: for faults that need many runs of one kind. */
  readonly isPlain: boolean;
}

/** What ends nothing that runs: so that long runs are there when a host falls silent. */
const PATIENT = ["reject", "queue", "allow"];

/** `fixed` is not drawn. Every world has some kinds of mishaps and not others: what needs quiet to happen is met, too. */
export function drawScale(random: Random, overlaps: readonly string[], fixed: Partial<Scale> = {}): Scale {
  const some = FAULT_KINDS.filter(() => random.chance(0.4));
  const hasOutages = fixed.hasOutages ?? random.chance(0.5);
  const long = OUTAGE_KINDS.filter(() => random.chance(0.6));
  const kinds = some.length === 0 ? FAULT_KINDS : some;
  return {
    nodes: random.chance(0.5) ? 1 : 3,
    servers: random.pick([1, 2, 2, 3]),
    hosts: random.pick([1, 2, 2, 3]),
    slots: random.pick([1, 2, 4]),
    jobs: ["nightly", "a job", "backup"].slice(0, random.pick([1, 1, 2, 3])),
    overlaps: random.chance(0.5) ? overlaps : [random.pick(hasOutages ? PATIENT : overlaps)],
    clients: random.pick([1, 2]),
    paceMs: random.pick(hasOutages ? [2_000, 6_000, 15_000] : [400, 2_000, 6_000]),
    mishapMs: random.pick(hasOutages ? [20_000, 40_000, 80_000] : [800, 3_000, 10_000]),
    kinds: hasOutages ? [...(random.chance(0.3) ? kinds : []), ...(long.length === 0 ? OUTAGE_KINDS : long)] : kinds,
    roughMs: random.pick(hasOutages ? [350_000, 550_000] : [60_000, 150_000, 300_000]),
    hasOutages,
    operatorMs: random.pick([0, 0, 2_000, 6_000]),
    everyMs: random.pick(hasOutages ? [0, 0, 30_000] : [0, 0, 5_000, 20_000]),
    editMs: random.fork().pick([0, 2_000, 8_000]),
    forAll: 0.08,
    isPlain: false,
    ...fixed,
  };
}
