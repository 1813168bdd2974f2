import { mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { defaultCacheDir } from "@jobs/core/nats-server";
import type { LocalOptions } from "../options.ts";

/** What each test gives besides. */
export function localOptions(
  dataDir: string,
  env: NodeJS.ProcessEnv,
): Pick<LocalOptions, "dataDir" | "cacheDir" | "env" | "stopGraceMs"> {
  return { dataDir, cacheDir: defaultCacheDir(env, homedir()), env, stopGraceMs: 0 };
}

/** A fresh folder for one stack; removed at the end, with the processes that are left on it. */
export class DataFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<DataFolder> {
    return new DataFolder(await realpath(await mkdtemp(join(tmpdir(), "jobs-local-"))));
  }

  /** The processes whose command line names the folder: nats-server, supervisor, scripts. */
  async pids(): Promise<number[]> {
    const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 1 && pid !== process.pid);
    const found = await Promise.all(pids.map(async (pid) => ((await commandOf(pid)).includes(this.path) ? [pid] : [])));
    return found.flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of await this.pids()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has just ended by itself.
      }
    }
    await rm(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function commandOf(pid: number): Promise<string> {
  return await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
}
