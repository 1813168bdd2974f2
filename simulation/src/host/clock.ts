/**
 * The clocks of a host. The wall clock may be set at any time; the monotonic one stands still while the host is
 * suspended, the boot clock does not; all of them drift.
 */
/** The wall clock at the beginning of a world. */
export const EPOCH_MS = Date.UTC(2026, 0, 1);

export class HostClock {
  readonly #trueMs: () => number;
  /** How much faster than true time it runs, e.g. 0.0001. */
  readonly drift: number;
  #bootedAtMs: number;
  #wallOffsetMs: number;
  #suspendedAtMs: number | undefined;
  #suspendedForMs = 0;

  constructor(trueMs: () => number, options: { readonly drift: number; readonly wallOffsetMs: number }) {
    this.#trueMs = trueMs;
    this.drift = options.drift;
    this.#wallOffsetMs = options.wallOffsetMs;
    this.#bootedAtMs = trueMs();
  }

  wallMs(): number {
    return EPOCH_MS + this.#trueMs() * (1 + this.drift) + this.#wallOffsetMs;
  }

  bootMs(): number {
    return (this.#trueMs() - this.#bootedAtMs) * (1 + this.drift);
  }

  monotonicMs(): number {
    const nowMs = this.#suspendedAtMs ?? this.#trueMs();
    return (nowMs - this.#bootedAtMs - this.#suspendedForMs) * (1 + this.drift);
  }

  /** How much true time passes while this clock counts so many milliseconds. */
  trueMs(ms: number): number {
    return ms / (1 + this.drift);
  }

  setWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  suspend(): void {
    this.#suspendedAtMs ??= this.#trueMs();
  }

  resume(): void {
    if (this.#suspendedAtMs !== undefined) this.#suspendedForMs += this.#trueMs() - this.#suspendedAtMs;
    this.#suspendedAtMs = undefined;
  }

  boot(): void {
    this.#bootedAtMs = this.#trueMs();
    this.#suspendedAtMs = undefined;
    this.#suspendedForMs = 0;
  }
}
