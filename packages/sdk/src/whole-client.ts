import type {
  AgentSummary,
  AuditEntry,
  OperationInput,
  OperationOutput,
  Pause,
  PendingView,
  RunView,
} from "@jobs/core";
import { call, type CallOptions } from "./call.ts";
import type { Connection } from "./connection.ts";
import { noted } from "./noted.ts";

/** What concerns no one job or run: what is overdue, what waits, the pause of everything, the agents, the audit. */
export class WholeClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Runs whose next step should have been done by now; `next` says who has to do it, and what to do about it. */
  async listOverdue(options: CallOptions = {}): Promise<RunView[]> {
    return (await call(this.#connection, { operation: "listOverdue", input: {} }, options)).runs;
  }

  /** No run of any job starts until {@link resumeAll}. */
  async pauseAll(note?: string, options: CallOptions = {}): Promise<Pause | undefined> {
    return (await call(this.#connection, { operation: "pauseAll", input: noted(note) }, options)).paused;
  }

  /** Runs may start again; those of a paused job still wait. */
  async resumeAll(options: CallOptions = {}): Promise<void> {
    await call(this.#connection, { operation: "resumeAll", input: {} }, options);
  }

  /** Since when everything is paused, and by whom; undefined when it is not. */
  async getPause(options: CallOptions = {}): Promise<Pause | undefined> {
    return (await call(this.#connection, { operation: "getPause", input: {} }, options)).paused;
  }

  /** Who cancelled, held, resolved, paused or changed what, the newest first, 50 when no limit is given. */
  async listAudit(limit?: number, options: CallOptions = {}): Promise<AuditEntry[]> {
    return (
      await call(this.#connection, { operation: "listAudit", input: limit === undefined ? {} : { limit } }, options)
    ).entries;
  }

  /** Runs that wait, in line, and when each is likely to start; then those whose time is still to come. */
  async listPending(filter: OperationInput<"listPending"> = {}, options: CallOptions = {}): Promise<PendingView[]> {
    return (await call(this.#connection, { operation: "listPending", input: filter }, options)).pending;
  }

  /** The agents, and whether they are in contact. */
  async listAgents(options: CallOptions = {}): Promise<OperationOutput<"listAgents">["agents"]> {
    return (await call(this.#connection, { operation: "listAgents", input: {} }, options)).agents;
  }

  /** The agent, by name or id, takes on no more runs; what runs on it goes on. Throws `agent-unknown`, `agent-ambiguous`. */
  async drainAgent(agent: string, note?: string, options: CallOptions = {}): Promise<AgentSummary> {
    return await call(this.#connection, { operation: "drainAgent", input: { agent, ...noted(note) } }, options);
  }

  /** The agent takes on runs again. Throws `agent-unknown`, `agent-ambiguous`. */
  async undrainAgent(agent: string, options: CallOptions = {}): Promise<AgentSummary> {
    return await call(this.#connection, { operation: "undrainAgent", input: { agent } }, options);
  }
}
