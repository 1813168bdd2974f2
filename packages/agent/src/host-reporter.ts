import { stat } from "node:fs/promises";
import type { HostReport } from "@jobs/core";
import type { Logger } from "pino";
import { hostReport, programFolders, type Host } from "./host-report.ts";

export interface HostReporterOptions {
  readonly host: Host;
  /** Rejects when it was not stored. */
  readonly store: (report: HostReport) => Promise<void>;
  readonly log: Logger;
}

/** Says what this host is and has, and says it again when programs have come or gone. */
export class HostReporter {
  readonly #options: HostReporterOptions;
  /** How the folders of programs were when it was said last. */
  #said: string | undefined;
  #isLooking = false;

  constructor(options: HostReporterOptions) {
    this.#options = options;
  }

  /** Rejects when it was not stored. */
  async say(): Promise<void> {
    const { host, store } = this.#options;
    // Looked at before they are listed: what comes meanwhile is said the next time.
    const now = await folderTimes(host.path);
    await store(await hostReport(host));
    this.#said = now;
  }

  /** Says it again if a folder has changed; to be called now and then. A folder that does not answer is asked once. */
  async sayChanges(): Promise<void> {
    const { host, log } = this.#options;
    if (this.#isLooking || this.#said === undefined) return;
    this.#isLooking = true;
    try {
      if ((await folderTimes(host.path)) !== this.#said) await this.say();
    } catch (error) {
      log.warn({ err: error }, "the host report was not stored; the next beat tries it again");
    } finally {
      this.#isLooking = false;
    }
  }
}

/** Another text once a file has come into one of them, or gone. */
async function folderTimes(path: string): Promise<string> {
  const times = programFolders(path).map((folder) =>
    stat(folder).then(
      ({ ino, mtimeMs }) => `${ino} ${mtimeMs}`,
      () => "none",
    ),
  );
  return (await Promise.all(times)).join();
}
