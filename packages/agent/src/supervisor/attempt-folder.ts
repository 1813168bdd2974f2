import { mkdirSync, rmdirSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

const SHORT_BYTES = 1024 * 1024;

/** `<stateDir>/attempts/<run>.<attempt>/`: all that the host keeps of an attempt until it is released. */
export class AttemptFolder {
  readonly path: string;
  readonly scriptPath: string;
  /** Where the script leaves what is to be kept: `JOBS_OUTPUT`. */
  readonly outputDir: string;
  /** Where the script runs. */
  readonly workDir: string;
  readonly spoolPath: string;

  constructor(stateDir: string, name: string) {
    this.path = join(stateDir, "attempts", name);
    this.scriptPath = join(this.path, "script");
    this.outputDir = join(this.path, "output");
    this.workDir = join(this.path, "work");
    this.spoolPath = join(this.path, "spool");
  }

  /** At once and not through the thread pool: four small calls, which the start of a script waits for. */
  create(script: string): void {
    if (mkdirSync(this.path, { recursive: true, mode: 0o700 }) === undefined) {
      // What is there of this name is in no journal: left by a crash in the middle of a release.
      rmSync(this.path, { recursive: true, force: true });
      mkdirSync(this.path, { mode: 0o700 });
    }
    mkdirSync(this.outputDir, { mode: 0o700 });
    mkdirSync(this.workDir, { mode: 0o700 });
    writeFileSync(this.scriptPath, script, { mode: 0o700 });
  }

  async remove(): Promise<void> {
    if (!this.#removeAtOnce()) await rm(this.path, { recursive: true, force: true, maxRetries: 2 });
  }

  /** In most the script left nothing but a short log: that is removed sooner than handed on. False when anything is left. */
  #removeAtOnce(): boolean {
    try {
      if (statSync(this.spoolPath).size > SHORT_BYTES) return false; // to remove it would hold up everything else
      for (const file of [this.scriptPath, this.spoolPath]) unlinkSync(file);
      for (const folder of [this.outputDir, this.workDir, this.path]) rmdirSync(folder);
      return true;
    } catch {
      return false; // there is more, or less
    }
  }
}

/** Removes the folders of attempts that the journal does not know: their release was journaled, their end cut short. */
export async function removeOrphanFolders(stateDir: string, knownNames: ReadonlySet<string>): Promise<void> {
  const attemptsDir = join(stateDir, "attempts");
  const names = await readdir(attemptsDir).catch(() => []);
  for (const name of names) {
    if (!knownNames.has(name)) await rm(join(attemptsDir, name), { recursive: true, force: true });
  }
}
