/** Runs the simulation from outside: bundles it, and starts it as a process of its own. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execPath } from "node:process";
import { bundle, scaleOf } from "./bundle.ts";
import type { FaultName } from "./faults/index.ts";
import type { SeedsResult } from "./run-seeds.ts";

const ROOT = dirname(dirname(import.meta.dirname));
const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;

export class Simulation implements AsyncDisposable {
  readonly #folder: string;
  readonly #fault: FaultName | undefined;

  private constructor(folder: string, fault: FaultName | undefined) {
    this.#folder = folder;
    this.#fault = fault;
  }

  /** Bundled with a fault in it, if one is named. */
  static async build(fault?: FaultName): Promise<Simulation> {
    const folder = await mkdtemp(join(tmpdir(), "jobs-simulation-"));
    const simulation = new Simulation(folder, fault);
    await bundle({ root: ROOT, outfile: simulation.#file, fault });
    return simulation;
  }

  get #file(): string {
    return join(this.#folder, "simulation.mjs");
  }

  /** Runs it with the words of its command line. */
  run(...words: readonly string[]): Promise<SeedsResult> {
    const scale = this.#fault === undefined ? [] : ["--scale", JSON.stringify(scaleOf(this.#fault))];
    return new Promise((resolve, reject) => {
      const given = [this.#file, "--json", ...scale, ...words];
      execFile(execPath, given, { maxBuffer: OUTPUT_MAX_BYTES }, (error, stdout, stderr) => {
        // A broken rule is a result, too.
        if (stdout === "") reject(error ?? new Error(stderr));
        else resolve(JSON.parse(stdout) as SeedsResult);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
