import {
  type OperationInput,
  type OperationName,
  type OperationOutput,
  type RunView,
  type SubmitInput,
} from "@jobs/core";
import { call, type CallOptions } from "./call.ts";
import { makeConnection, type ConnectOptions } from "./connection.ts";
import { RunHandle } from "./run-handle.ts";
import { submit, type SubmitOptions } from "./submission.ts";
import type { Transport } from "./transport.ts";

/**
 * A connection to one server. It has no life of its own: nothing is opened before something is asked, nothing needs to
 * be closed. All its methods throw `JobsError` with the server's code, and `server-unreachable` when there is no answer.
 */
export class JobsClient {
  readonly #connection: ReturnType<typeof makeConnection>;

  /** Use `connect()`. */
  constructor(options: ConnectOptions, platform: Transport) {
    this.#connection = makeConnection(options, platform);
  }

  /** The server's address, without a slash at its end. */
  get url(): string {
    return this.#connection.url;
  }

  /**
   * Submits a run of a job, safely: with an idempotency key (a random one when none is given), and again with the same
   * key when the answer is lost.
   *
   * @throws JobsError `job-busy` while another run of the job lives (`details` name it), `script-syntax`,
   *   `agent-unknown`, `target-required`, `key-conflict`, `name-invalid` and the others of `docs/errors.md`.
   * @example
   * const run = await client.submitJob({ name: "hello", script: "echo hello", on: "web-1" });
   */
  async submitJob(input: SubmitInput, options: SubmitOptions = {}): Promise<RunHandle> {
    const { run, known } = await submit(this.#connection, input, options);
    return new RunHandle({ connection: this.#connection, view: run, known });
  }

  /**
   * The handle of a run that exists. Throws `run-unknown`.
   *
   * @example
   * const { sentence } = await (await client.run(id)).result();
   */
  async run(id: string, options: CallOptions = {}): Promise<RunHandle> {
    return new RunHandle({ connection: this.#connection, view: await this.getRun(id, options) });
  }

  /** One run as it is now. Throws `run-unknown`. */
  async getRun(id: string, options: CallOptions = {}): Promise<RunView> {
    return await this.#call("getRun", { run: id }, options);
  }

  /** Runs, the newest first, 50 when no limit is given; `before` takes the last id of the page before. */
  async listRuns(input: OperationInput<"listRuns"> = {}, options: CallOptions = {}): Promise<RunView[]> {
    return (await this.#call("listRuns", input, options)).runs;
  }

  /** Cancels a run; see {@link RunHandle.cancel}. Throws `run-unknown`. */
  async cancelRun(id: string, options: CallOptions = {}): Promise<RunView> {
    return await this.#call("cancelRun", { run: id }, options);
  }

  /** The files of a run that are known by now; all of them once `settled`. Throws `run-unknown`. */
  async listArtifacts(id: string, options: CallOptions = {}): Promise<OperationOutput<"listArtifacts">> {
    return await this.#call("listArtifacts", { run: id }, options);
  }

  /** The agents, and whether they are in contact. */
  async listAgents(options: CallOptions = {}): Promise<OperationOutput<"listAgents">["agents"]> {
    return (await this.#call("listAgents", {}, options)).agents;
  }

  async #call<N extends OperationName>(
    operation: N,
    input: OperationInput<N>,
    options: CallOptions,
  ): Promise<OperationOutput<N>> {
    return await call(this.#connection, { operation, input }, options);
  }
}
