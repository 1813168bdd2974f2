/**
 * The clients of a chaos run: they submit to any server, send a key again, also elsewhere and also when the first answer
 * was lost, cancel, and look at how runs stand.
 */
import { setTimeout as delay } from "node:timers/promises";
import { toJobsError, type ErrorCode, type OverlapPolicy, type SubmitInput } from "@jobs/core";
import type { Answer, Ledger, Submitted } from "./ledger.ts";
import { drawShape, environmentOf, scriptOf } from "./script.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { ChaosSystem, ServerPart } from "./system.ts";

/** The policies that are drawn; every one that a submission may ask for belongs here. */
export const POLICIES: readonly OverlapPolicy[] = ["reject", "reject", "queue", "queue-latest", "replace", "allow"];
export const JOBS = Array.from({ length: 6 }, (_, index) => `chaos-${index + 1}`);

/** After these nobody knows whether the run was accepted. */
const UNKNOWN: ReadonlySet<ErrorCode> = new Set(["server-unreachable", "no-deciding-server", "store-unavailable"]);
/** More submissions under way at once would only wait for one another. */
const MAX_UNDER_WAY = 100;
/** So many scripts more each job has to run when calm comes. */
const QUEUE_LIMIT = 4;
const LOOK_TIMEOUT_MS = 2_000;

export class Load {
  readonly #system: ChaosSystem;
  readonly #ledger: Ledger;
  readonly #random: SeededRandom;
  readonly #underWay = new Set<Promise<void>>();
  #cancels = 0;

  constructor(system: ChaosSystem, ledger: Ledger, random: SeededRandom) {
    this.#system = system;
    this.#ledger = ledger;
    this.#random = random;
  }

  get cancels(): number {
    return this.#cancels;
  }

  /** Goes on until the signal, then waits for the answers that are still to come. */
  async run(signal: AbortSignal): Promise<void> {
    const looking = this.#look(this.#random.fork(), signal);
    const random = this.#random.fork();
    while (await pause(random.between(20, 250), signal)) {
      const job = random.pick(JOBS);
      // Two at the same instant, which reach two servers, are what a race needs.
      for (let count = random.chance(0.3) ? 2 : 1; count > 0 && this.#underWay.size < MAX_UNDER_WAY; count--) {
        const one = this.newSubmission(job, random, random.pick(POLICIES));
        this.#follow(this.#carryOut(one, random.fork()));
      }
    }
    await looking;
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Submits a run of this job and resolves with it, or with the code of what stood in its way. */
  async submit(one: Submitted, { server, host, timeoutMs }: { server: ServerPart; host: string; timeoutMs: number }) {
    const sentAt = performance.now();
    const answered = (answer: Pick<Answer, "run" | "code">): Answer => {
      const whole = { sentAt, at: performance.now(), server: server.program.name, ...answer };
      one.answers.push(whole);
      return whole;
    };
    try {
      const { id } = await server.client.submitJob(this.#inputOf(one, host), { timeoutMs });
      return answered({ run: id });
    } catch (error) {
      const { code, message } = toJobsError(error);
      if (code === "internal")
        this.#ledger.complaints.push(`${one.job} “${one.key}” was answered with ${code}: ${message}`);
      return answered({ code });
    }
  }

  newSubmission(job: string, random: SeededRandom, overlap: OverlapPolicy): Submitted {
    const key = `key-${this.#ledger.submitted.length + 1}`;
    const one = { job, key, overlap, shape: drawShape(random), answers: [] };
    this.#ledger.submitted.push(one);
    return one;
  }

  async #carryOut(one: Submitted, random: SeededRandom): Promise<void> {
    const { servers, hosts } = this.#system;
    const host = random.pick(hosts).agent;
    const send = () =>
      this.submit(one, { server: random.pick(servers), host, timeoutMs: random.between(1_000, 10_000) });
    // At once to two servers, as when somebody loses patience.
    const first = random.chance(0.1) ? await Promise.any([send(), this.#followed(send)]) : await send();
    const isUnknown = first.code !== undefined && UNKNOWN.has(first.code);
    if (random.chance(isUnknown ? 0.8 : 0.15)) await delay(random.between(0, 1_500)).then(send);
    const run = one.answers.find((answer) => answer.run !== undefined)?.run;
    if (run !== undefined && random.chance(0.15)) await this.#cancel(run, random);
  }

  async #cancel(run: string, random: SeededRandom): Promise<void> {
    await delay(random.between(0, 1_500));
    const { client } = random.pick(this.#system.servers);
    try {
      this.#ledger.observe(await client.cancelRun(run, { timeoutMs: 8_000 }));
      this.#cancels++;
    } catch (error) {
      const { code, message } = toJobsError(error);
      // It was acknowledged: whatever stands in the way of the cancel, the run must be known.
      if (!UNKNOWN.has(code)) this.#ledger.complaints.push(`cancel of ${run} was answered with ${code}: ${message}`);
    }
  }

  async #look(random: SeededRandom, signal: AbortSignal): Promise<void> {
    while (await pause(random.between(50, 400), signal)) {
      const { client } = random.pick(this.#system.servers);
      const views = await client.listRuns({ limit: 100 }, { timeoutMs: LOOK_TIMEOUT_MS }).catch(() => []);
      for (const view of views) this.#ledger.observe(view);
    }
  }

  #inputOf({ job, key, overlap, shape }: Submitted, host: string): SubmitInput {
    return {
      name: job,
      key,
      script: scriptOf(shape),
      env: environmentOf(this.#system.directory, overlap === "allow"),
      on: host,
      overlap,
      queueLimit: QUEUE_LIMIT,
    };
  }

  #followed<T>(send: () => Promise<T>): Promise<T> {
    const sent = send();
    this.#follow(sent.then(() => undefined));
    return sent;
  }

  #follow(work: Promise<void>): void {
    this.#underWay.add(work);
    const done = (): void => void this.#underWay.delete(work);
    void work.then(done);
  }
}

/** False once the signal has come. */
export async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return delay(ms, true, { signal }).catch(() => false);
}
