/** Rules of starts: no script starts before the instant that its start names, by the clock of the server that sent it. */
import { StartMessage } from "@jobs/core";
import type { SimulatedHost } from "../host/host.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { nameOf } from "./describe.ts";

/** What a host may make of the way of a message, and of clocks in whole milliseconds. */
const EARLY_MS = 22;

interface HeldBack {
  readonly startAtMs: number;
  /** Hosts of the servers that may have sent it: by their clocks it had been sent when it came. */
  readonly senders: readonly SimulatedHost[];
}

export class StartRules {
  readonly #kernel: Kernel;
  readonly #hasTrueClocks: boolean;
  readonly #servers: () => readonly SimulatedHost[];
  /** By the attempt. */
  readonly #heldBack = new Map<string, HeldBack>();

  constructor(kernel: Kernel, options: { hasTrueClocks: boolean; servers: () => readonly SimulatedHost[] }) {
    this.#kernel = kernel;
    this.#hasTrueClocks = options.hasTrueClocks;
    this.#servers = options.servers;
  }

  /** A message came into the inbox of a host. */
  onMessage(text: string): void {
    const { data: start } = StartMessage.safeParse(JSON.parse(text));
    if (start?.sentAt === undefined || start.startAt === undefined) return;
    const sentMs = Date.parse(start.sentAt);
    const senders = this.#servers().filter((host) => host.wallMs() >= sentMs);
    this.#heldBack.set(nameOf(start), { startAtMs: Date.parse(start.startAt), senders });
  }

  onSpawn(name: string): void {
    const heldBack = this.#heldBack.get(name);
    if (heldBack === undefined) return;
    this.#kernel.count("reached: start held back");
    const earlyMs = heldBack.senders.map((host) => heldBack.startAtMs - host.wallMs());
    if (this.#hasTrueClocks && earlyMs.length > 0 && Math.min(...earlyMs) > EARLY_MS)
      this.#kernel.fail(`attempt ${name} starts ${Math.min(...earlyMs)} ms before its instant`);
  }
}
