/** Whose event it is: what happens to a stopped owner waits, what was to happen to one that is gone never does. */
export interface Owner {
  readonly name: string;
  readonly pid: number;
  readonly isAlive: boolean;
  readonly isStopped: boolean;
  postpone(event: Event): void;
}

/** Something that will happen at an instant of true time. */
export interface Event {
  readonly atMs: number;
  /** Of two events of one instant the one planned first comes first. */
  readonly order: number;
  /** What kind of step it is, for counts and traces. */
  readonly label: string;
  /** The process that it happens in; with the process it is gone. */
  readonly owner: Owner | undefined;
  readonly run: () => void;
  isCancelled: boolean;
}

/** The events to come, the next one first: a binary heap. */
export class EventQueue {
  readonly #heap: Event[] = [];

  get size(): number {
    return this.#heap.length;
  }

  push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[index] = heap[parent] as Event;
      index = parent;
    }
    heap[index] = event;
  }

  pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[index] = heap[child] as Event;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
