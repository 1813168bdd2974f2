/**
 * A process's connection to a node: what it sends and what it is sent comes in order and late.
 *
 *   connected ──cut──► connected, nothing comes through ──10 to 30 s──► disconnected ──way free, node up──► connected
 *
 * What was under way when the way was cut comes through once it is free again, however long that takes; if the client
 * gave the connection up meanwhile, a beginning of it does, and of what was on its way to the client nothing.
 */
import type { Kernel } from "../kernel/kernel.ts";
import type { Process } from "../kernel/process.ts";

export type ContactChange = "disconnect" | "reconnect";

/** What the connection needs to know of the cluster. */
export interface Nodes {
  isUp(node: number): boolean;
  pickNode(): number | undefined;
}

const RECONNECT_MS = 400;

export class Connection {
  readonly owner: Process;
  readonly #kernel: Kernel;
  readonly #nodes: Nodes;
  readonly #listeners = new Set<(change: ContactChange) => void>();
  /** Ends with the connection: deliveries to it, its subscriptions. */
  readonly #onLost = new Set<() => void>();
  /** The way to the client is so much slower than the way from it. */
  slowBackMs = 0;
  #node: number | undefined;
  #generation = 0;
  #isCut = false;
  #isClosed = false;
  #heldOut: { readonly generation: number; readonly run: () => void }[] = [];
  #heldIn: { readonly generation: number; readonly label: string; readonly run: () => void }[] = [];
  #outAtMs = 0;
  #inAtMs = 0;

  constructor(kernel: Kernel, nodes: Nodes, owner: Process) {
    this.#kernel = kernel;
    this.#nodes = nodes;
    this.owner = owner;
    owner.onEnd(() => this.close());
  }

  get isConnected(): boolean {
    return this.#node !== undefined;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  get node(): number | undefined {
    return this.#node;
  }

  /** Connects now or as soon as it can. */
  connect(onConnected: () => void): void {
    if (this.#isClosed) return;
    const node = this.#isCut ? undefined : this.#nodes.pickNode();
    if (node === undefined) return this.owner.does("reconnect", () => this.connect(onConnected), RECONNECT_MS);
    this.#node = node;
    onConnected();
  }

  onChange(listener: (change: ContactChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onLost(act: () => void): void {
    this.#onLost.add(act);
  }

  /** Does something at the node, if it comes there. */
  toServer(label: string, run: () => void): void {
    if (this.#node === undefined) return;
    const generation = this.#generation;
    const { nowMs } = this.#kernel;
    this.#outAtMs = Math.max(this.#outAtMs, nowMs + this.#delayMs());
    this.#kernel.plan({ delayMs: this.#outAtMs - nowMs, label, owner: undefined }, () => {
      if (this.#isCut) this.#heldOut.push({ generation, run });
      else if (this.#node !== undefined && generation === this.#generation) run();
    });
  }

  /** Does something in the process, if it comes there. */
  toClient(label: string, run: () => void): void {
    if (this.#node === undefined) return;
    const generation = this.#generation;
    const { nowMs } = this.#kernel;
    this.#inAtMs = Math.max(this.#inAtMs, nowMs + this.#delayMs() + this.slowBackMs);
    this.owner.does(
      label,
      () => {
        if (generation !== this.#generation) return;
        if (this.#isCut) this.#heldIn.push({ generation, label, run });
        else run();
      },
      this.#inAtMs - nowMs,
    );
  }

  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    const generation = this.#generation;
    const noticeMs = this.#kernel.random.between(10_000, 30_000);
    this.owner.does("ping missed", () => this.#isCut && generation === this.#generation && this.lose(), noticeMs);
  }

  heal(): void {
    if (!this.#isCut) return;
    this.#isCut = false;
    const out = this.#heldOut;
    const back = this.#heldIn;
    this.#heldOut = [];
    this.#heldIn = [];
    const isOld = out.some(({ generation }) => generation !== this.#generation);
    const kept = isOld ? out.slice(0, this.#kernel.random.below(out.length + 1)) : out;
    for (const { run } of kept) this.#kernel.plan({ delayMs: 0, label: "late arrival", owner: undefined }, run);
    for (const { generation, label, run } of back)
      this.owner.does(label, () => generation === this.#generation && run());
  }

  /** The client finds that the connection is gone. */
  lose(): void {
    if (this.#node === undefined) return;
    this.#drop();
    this.owner.does("disconnect", () => {
      for (const listener of this.#listeners) listener("disconnect");
      this.connect(() => {
        for (const listener of this.#listeners) listener("reconnect");
      });
    });
  }

  close(): void {
    this.#isClosed = true;
    if (this.#node !== undefined) this.#drop();
  }

  #drop(): void {
    this.#node = undefined;
    this.#generation++;
    this.#heldIn = [];
    for (const act of this.#onLost) act();
    this.#onLost.clear();
  }

  #delayMs(): number {
    const { random } = this.#kernel;
    return random.chance(0.01) ? random.between(5, 400) : random.between(0.1, 2);
  }
}
