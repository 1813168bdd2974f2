/**
 * The output of one attempt that has ended: collected once, then uploaded as the server asks for it.
 *
 *   listed ──uploaded──► stored
 *     └──no longer what was listed──► listed anew, or left out: when it is gone, or at the third time
 */
import type { Artifact, ReportMessage } from "@jobs/core";
import type { Logger } from "pino";
import { ArtifactChangedError, collectArtifacts, findArtifact, uploadArtifact } from "./artifact-collector.ts";

export interface AttemptOutputOptions {
  readonly outputDir: string;
  /** There is something new to say. */
  readonly onChange: () => void;
  readonly log: Logger;
}

type OutputFile = Artifact & { readonly stored: boolean };
type Upload = NonNullable<ReportMessage["uploads"]>[number];

/** A file that goes on changing after the end is left out after so many uploads that did not fit. */
const ROUNDS_MAX = 3;

export class AttemptOutput {
  readonly #options: AttemptOutputOptions;
  readonly #rounds = new Map<string, number>();
  #files: readonly OutputFile[] | undefined;
  #leftOut = 0;
  #isCollecting = false;
  #isUploading = false;

  constructor(options: AttemptOutputOptions) {
    this.#options = options;
  }

  /** Undefined until it was collected. */
  get files(): readonly OutputFile[] | undefined {
    return this.#files;
  }

  /** How many files are not kept. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** To be called after the end of the attempt; repeated, it does nothing more. */
  async collect(): Promise<void> {
    if (this.#isCollecting || this.#files !== undefined) return;
    this.#isCollecting = true;
    try {
      const { artifacts, leftOut } = await collectArtifacts(this.#options.outputDir);
      this.#leftOut = leftOut;
      this.#files = artifacts.map((artifact) => ({ ...artifact, stored: false }));
      this.#options.onChange();
    } catch (error) {
      this.#options.log.warn({ err: error }, "the output folder could not be read; the next report tries it again");
    } finally {
      this.#isCollecting = false;
    }
  }

  async upload(uploads: readonly Upload[]): Promise<void> {
    if (this.#isUploading) return;
    this.#isUploading = true;
    try {
      for (const upload of uploads) await this.#uploadOne(upload);
    } catch (error) {
      this.#options.log.warn({ err: error }, "an upload failed; the server asks for it again");
    } finally {
      this.#isUploading = false;
      this.#options.onChange();
    }
  }

  async #uploadOne(upload: Upload): Promise<void> {
    const file = this.#files?.find(({ name }) => name === upload.name);
    if (file === undefined) return;
    const { outputDir, log } = this.#options;
    try {
      await uploadArtifact(outputDir, file, upload);
      this.#replace(file.name, { ...file, stored: true });
    } catch (error) {
      if (!(error instanceof ArtifactChangedError)) throw error;
      log.warn({ err: error }, "a file of the output has changed since the end of the attempt");
      const rounds = (this.#rounds.get(file.name) ?? 0) + 1;
      this.#rounds.set(file.name, rounds);
      const artifact = rounds < ROUNDS_MAX ? await findArtifact(outputDir, file.name) : undefined;
      this.#replace(file.name, artifact === undefined ? undefined : { ...artifact, stored: false });
    }
  }

  #replace(name: string, file: OutputFile | undefined): void {
    this.#files = this.#files?.flatMap((one) => (one.name === name ? (file ?? []) : one));
    if (file === undefined) this.#leftOut++;
  }
}
