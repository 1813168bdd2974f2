/** BEATS: the last sign of life of each agent and of the deciding server, and what each host is. */
import { Beat, HostReport, Lease } from "../protocol/messages.ts";
import { parseAgentSubject, subjects } from "../protocol/subjects.ts";
import type { NatsLink } from "./connection.ts";
import { outcomeOf, type WriteOutcome } from "./publish.ts";
import { isConnected } from "./requests.ts";
import { STREAMS } from "./topology.ts";
import { watchStream, type StreamWatch } from "./watch.ts";

const DECODER = new TextDecoder();
/** A beat that was not answered after this long is of unknown outcome, milliseconds. */
const TIMEOUT_MS = 2_000;
/** The same of a lease: the next renewal waits for it. */
const LEASE_TIMEOUT_MS = 1_000;

/** The agent's side: it may publish its own beat and report, and read its own last beat. */
export class AgentBeats {
  readonly #link: NatsLink;
  readonly #agent: string;

  constructor(link: NatsLink, agent: string) {
    this.#link = link;
    this.#agent = agent;
  }

  /**
   * Publishes a beat as the next of the chain; `previous` is the sequence of the one before, 0 to begin a chain. Without a
   * connection it is not sent: while it waited for one the host could be cloned, and both would send the same beat.
   */
  async beat(beat: Beat, previous: number): Promise<WriteOutcome> {
    if (!isConnected(this.#link.connection)) return { kind: "unknown", cause: new Error("There is no connection.") };
    const expect = { lastSubjectSequence: previous };
    return outcomeOf(
      this.#link.js.publish(subjects.agent.beat(this.#agent), JSON.stringify(beat), { expect, timeout: TIMEOUT_MS }),
    );
  }

  /** The last beat stored under this agent's id, whoever sent it. */
  async last(): Promise<{ beat: Beat; sequence: number } | undefined> {
    const last_by_subj = subjects.agent.beat(this.#agent);
    const message = await this.#link.jsm.direct.getMessage(STREAMS.beats, { last_by_subj });
    return message === null ? undefined : { beat: Beat.parse(message.json()), sequence: message.seq };
  }

  async report(report: HostReport): Promise<void> {
    await this.#link.js.publish(subjects.agent.host(this.#agent), JSON.stringify(report), { timeout: TIMEOUT_MS });
  }
}

export interface BeatsListener {
  /** `ageMs`: how long ago it was stored. */
  onBeat(agent: string, beat: Beat, ageMs: number): void;
  onHost(agent: string, report: HostReport): void;
  onLease(lease: Lease, sequence: number): void;
  onReady(): void;
  onReset(): void;
  onError(error: unknown): void;
}

/** The server's side. */
export class BeatStore {
  readonly #link: NatsLink;

  constructor(link: NatsLink) {
    this.#link = link;
  }

  /** Takes or renews the lease of the deciding server, over the one of sequence `previous` (0: none). */
  lease(lease: Lease, previous: number): Promise<WriteOutcome> {
    const expect = { lastSubjectSequence: previous };
    return outcomeOf(
      this.#link.js.publish(subjects.server.lease, JSON.stringify(lease), { expect, timeout: LEASE_TIMEOUT_MS }),
    );
  }

  watch(listener: BeatsListener): StreamWatch {
    return watchStream(this.#link, {
      stream: STREAMS.beats,
      filter: [subjects.agent.beats, subjects.agent.hosts, subjects.server.all],
      onMessage: ({ subject, bytes, sequence, ageMs }) => {
        const body: unknown = JSON.parse(DECODER.decode(bytes));
        if (subject === subjects.server.lease) return listener.onLease(Lease.parse(body), sequence);
        const named = parseAgentSubject(subject);
        if (named?.kind === "beat") listener.onBeat(named.agent, Beat.parse(body), ageMs);
        if (named?.kind === "host") listener.onHost(named.agent, HostReport.parse(body));
      },
      onReady: () => listener.onReady(),
      onReset: () => listener.onReset(),
      onError: (error) => listener.onError(error),
    });
  }
}
