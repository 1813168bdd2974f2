/** How large a world is and how rough: drawn from its seed. */
import type { Random } from "../kernel/random.ts";
import { FAULT_KINDS, type FaultKind } from "./chaos.ts";

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
}

/** `fixed` is not drawn. Every world has some kinds of mishaps and not others: what needs quiet to happen is met, too. */
export function drawScale(random: Random, overlaps: readonly string[], fixed: Partial<Scale> = {}): Scale {
  const some = FAULT_KINDS.filter(() => random.chance(0.4));
  return {
    nodes: random.chance(0.5) ? 1 : 3,
    servers: random.pick([1, 2, 2, 3]),
    hosts: random.pick([1, 2, 2, 3]),
    slots: random.pick([1, 2, 4]),
    jobs: ["nightly", "a job", "backup"].slice(0, random.pick([1, 1, 2, 3])),
    overlaps: random.chance(0.5) ? overlaps : [random.pick(overlaps)],
    clients: random.pick([1, 2]),
    paceMs: random.pick([400, 2_000, 6_000]),
    mishapMs: random.pick([800, 3_000, 10_000]),
    kinds: some.length === 0 ? FAULT_KINDS : some,
    roughMs: random.pick([60_000, 150_000, 300_000]),
    ...fixed,
  };
}
