import { JobsError, streams, type Artifact } from "@jobs/core";
import { reasonOf, send, unreachable } from "./call.ts";
import type { Connection } from "./connection.ts";

interface RunArtifactOptions {
  readonly connection: Connection;
  readonly run: string;
  readonly artifact: Artifact;
  readonly attempt?: number | undefined;
}

/** Ends a download; it then rejects with the signal's reason. */
export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * A file that a run left in `$JOBS_OUTPUT`. Each download is checked against size and SHA-256 as it comes: a stream of
 * other content ends with an error, never well.
 */
export class RunArtifact {
  readonly #connection: Connection;
  readonly #run: string;
  readonly #attempt: number | undefined;
  /** Its path below `$JOBS_OUTPUT`, with `/`. Chosen by the script: check it before it becomes a path of yours. */
  readonly name: string;
  readonly sizeBytes: number;
  /** SHA-256 of its content, hex. */
  readonly sha256: string;

  constructor({ connection, run, artifact, attempt }: RunArtifactOptions) {
    this.#connection = connection;
    this.#run = run;
    this.#attempt = attempt;
    this.name = artifact.name;
    this.sizeBytes = artifact.sizeBytes;
    this.sha256 = artifact.sha256;
  }

  /**
   * Its content as a stream. Throws {@link JobsError} `artifact-unknown`, `unauthenticated`, `server-unreachable`; the
   * stream ends with `server-unreachable` when the connection breaks, with `artifact-mismatch` when the content is not the file's.
   *
   * @example
   * await (await artifact.open()).pipeTo(destination);
   */
  async open(options: DownloadOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const path = streams.artifact(this.#run, this.name, this.#attempt);
    const { signal } = options;
    const body = await send(this.#connection, path, { method: "GET", signal, take: (response) => response.body });
    return (body ?? new Blob([]).stream()).pipeThrough(this.#check());
  }

  /** Its content, wholly in memory. Throws as {@link open}. */
  async bytes(options: DownloadOptions = {}): Promise<Uint8Array> {
    return new Uint8Array(await this.#read(new Response(await this.open(options)).arrayBuffer(), options));
  }

  /**
   * Writes it to a file, in Node only; the file appears, or is replaced, once the whole content was checked.
   * Throws as {@link open}, `config-invalid` in a browser, and what the file system throws.
   *
   * @example
   * for (const artifact of await run.artifacts()) await artifact.toFile(path.basename(artifact.name));
   */
  async toFile(path: string, options: DownloadOptions = {}): Promise<void> {
    const { writeFile } = this.#connection.transport;
    if (writeFile === undefined) {
      throw new JobsError("config-invalid", "There are no files here: use open(), bytes() or toStream().");
    }
    await this.#read(writeFile(path, await this.open(options)), options);
  }

  /** Writes it to a stream, which is closed at the end and aborted by an error. Throws as {@link open}. */
  async toStream(destination: WritableStream<Uint8Array>, options: DownloadOptions = {}): Promise<void> {
    await this.#read((await this.open(options)).pipeTo(destination), options);
  }

  /** A broken connection in the midst of a body is a plain `TypeError`: it gets its code here. */
  async #read<T>(reading: Promise<T>, { signal }: DownloadOptions): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof TypeError)
        throw unreachable(this.#connection, `${this.name} was cut: ${reasonOf(error)}`, error);
      throw error;
    }
  }

  #check(): TransformStream<Uint8Array, Uint8Array> {
    const hash = this.#connection.transport.sha256();
    let sizeBytes = 0;
    return new TransformStream<Uint8Array, Uint8Array>({
      transform: (bytes, controller) => {
        sizeBytes += bytes.length;
        if (sizeBytes > this.sizeBytes) throw this.#mismatch({ sizeBytes });
        hash.update(bytes);
        controller.enqueue(bytes);
      },
      flush: () => {
        const sha256 = hash.digestHex();
        if (sizeBytes !== this.sizeBytes || sha256 !== this.sha256) throw this.#mismatch({ sizeBytes, sha256 });
      },
    });
  }

  #mismatch(received: { readonly sizeBytes: number; readonly sha256?: string }): JobsError {
    const message = `The content of ${this.name} is not what the host kept: it was cut or changed. Fetch it again.`;
    const expected = { sizeBytes: this.sizeBytes, sha256: this.sha256 };
    return new JobsError("artifact-mismatch", message, { details: { expected, received } });
  }
}
