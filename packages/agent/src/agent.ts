import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
/**
 * One agent: pulls its inbox, hands attempts to the supervisor, ships logs and artifacts, says what it knows.
 * It holds nothing that its state folder and the supervisor do not hold: it may be killed and started at any time.
 */
import type { JobsError } from "@jobs/core";
import {
  AgentBeats,
  agentInboxPrefix,
  AgentInbox,
  connectNats,
  EvidenceStore,
  LogStore,
  watchReconnects,
  type NatsLink,
} from "@jobs/core/jetstream";
import { pino, type Logger } from "pino";
import { Attempts } from "./attempts.ts";
import { BeatChain } from "./beat-chain.ts";
import { defaultSlots, type AgentOptions } from "./config.ts";
import { HostReporter } from "./host-reporter.ts";
import { SessionFile } from "./session-file.ts";
import { SupervisorLink, type SupervisorLinkOptions } from "./supervisor-link.ts";
import { bootClockMs } from "./supervisor/boot-clock.ts";
import { VERSION } from "./version.ts";

export interface RunningAgent extends AsyncDisposable {
  readonly id: string;
  /** Leaves; the supervisor and the scripts go on, and the next agent takes them up. */
  stop(): Promise<void>;
  /** Ends every script on this host that Jobs runs, the supervisor, and the agent. */
  end(graceMs: number): Promise<void>;
  /** Settles when the agent had to give up: another one has its identity. */
  readonly broken: Promise<JobsError>;
}

/** Connects to NATS and the supervisor, joins the chain of beats and pulls. Resolves once it can be assigned attempts. */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const log = (options.log ?? pino({ level: "silent" })).child({ agent: options.id });
  const { stateDir, env } = options;
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  // Before anything is said to the supervisor: it may be another agent's.
  await new SessionFile(stateDir, options.id).load();
  const session = randomUUID();
  // NATS may be away for longer than an attempt may live unattended, and nobody else would end it in time.
  const unheard = unheardLink({ stateDir, env, session }, log);
  await unheard.start();
  unheard.detach();
  const link = await connectNats({
    ...options.nats,
    name: `jobs-agent-${options.id}`,
    inboxPrefix: agentInboxPrefix(options.id),
  });
  const parts = build({ ...options, session }, link, log);
  try {
    await parts.start();
  } catch (error) {
    await parts.stop();
    throw error;
  }
  const { stop, end, broken } = parts;
  return { id: options.id, stop, end, broken, [Symbol.asyncDispose]: stop };
}

function build(options: AgentOptions & { readonly session: string }, link: NatsLink, log: Logger) {
  const { id, stateDir, env, session, name = hostname(), labels = {} } = options;
  const path = env["PATH"] ?? DEFAULT_PATH;
  const slots = options.slots ?? defaultSlots();
  const beats = new AgentBeats(link, id);
  const evidence = new EvidenceStore(link);
  let isInboxReachable = false;
  /** The chain of beats is this agent's: what it says is not said by a clone. */
  let isChained = false;
  let break_: (error: JobsError) => void = () => undefined;
  const broken = new Promise<JobsError>((resolve) => (break_ = resolve));

  const reporter = new HostReporter({
    host: { id, name, version: VERSION, slots, labels, path },
    store: (report) => beats.report(report),
    log,
  });
  const attempts: Attempts = new Attempts({
    agent: id,
    session,
    stateDir,
    slots,
    evidence,
    logs: new LogStore(link),
    maySpeak: () => isChained,
    findLiveLicence: (licence) => chain.findLiveLicence(licence),
    supervisor: () => supervisor.client,
    log,
  });
  const supervisor: SupervisorLink = new SupervisorLink({
    stateDir,
    env,
    session,
    onConnected: (statuses) => attempts.adopt(statuses),
    onStatus: (status) => attempts.onStatus(status),
    onOutput: (run, attempt, lengthBytes) => attempts.onOutput(run, attempt, lengthBytes),
    contactLimitMs: () => attempts.contactLimitMs(),
    log,
  });
  const chain: BeatChain = new BeatChain({
    beats,
    file: new SessionFile(stateDir, id),
    session,
    bootClockMs,
    nowMs: Date.now,
    nonce,
    held: () => attempts.held(),
    isInboxReachable: () => isInboxReachable,
    mayBeat: () => supervisor.isAnswering(),
    onAcknowledged: (sentAtBootMs) => {
      supervisor.beat(sentAtBootMs);
      if (!isChained) {
        isChained = true;
        attempts.publishAll();
      }
      attempts.lookForLeftOvers();
      void reporter.sayChanges();
    },
    onBroken: (error) => {
      isChained = false;
      log.fatal(error.message);
      break_(error);
    },
    onChainBegun: () => {
      // What was in the nats-server's memory is gone: say it all again.
      attempts.publishAll();
      void reporter.say().catch((error: unknown) => log.warn({ err: error }, "the host report was not stored"));
    },
    log,
  });
  const inbox = new AgentInbox(link, id, {
    onMessage: (message) => attempts.onMessage(message),
    onReachable: (isReachable) => {
      if (isReachable === isInboxReachable) return;
      isInboxReachable = isReachable;
      chain.beatNow();
    },
    onInvalid: (subject, error) => log.error({ err: error, subject }, "a message in the inbox cannot be read"),
  });
  watchReconnects(link, () => {
    isInboxReachable = false;
    chain.beatNow();
    attempts.publishAll();
  });

  const start = async (): Promise<void> => {
    // Before the first beat: it must list what the host holds.
    await supervisor.start();
    await whenReachable(() => reporter.say(), log);
    await chain.start();
    inbox.start();
  };
  let stopped: Promise<void> | undefined;
  const leave = async (): Promise<void> => {
    await inbox.stop();
    await chain.leave();
    await attempts.stop();
    supervisor.detach();
    await link.connection.close();
  };
  const stop = (): Promise<void> => (stopped ??= leave());
  const end = async (graceMs: number): Promise<void> => {
    if (stopped === undefined) {
      await supervisor.end(graceMs);
      await attempts.published(LAST_WORDS_MS);
      return stop();
    }
    await stop();
    // It was left running when the agent stopped.
    const again = unheardLink({ stateDir, env, session }, log);
    await again.start();
    await again.end(graceMs);
  };
  return { start, stop, end, broken };
}

const AGAIN_MS = 500;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** How long an agent that ends tries to tell how its attempts ended; the next one tells it otherwise, milliseconds. */
const LAST_WORDS_MS = 2_000;

/** To a supervisor, started if there is none, whose words nobody listens to. */
function unheardLink(
  options: Pick<SupervisorLinkOptions, "stateDir" | "env" | "session">,
  log: Logger,
): SupervisorLink {
  const ignore = (): void => undefined;
  return new SupervisorLink({ ...options, log, onConnected: ignore, onStatus: ignore, onOutput: ignore });
}

/**
 * Differs also between two machines that were resumed from one snapshot: what they draw at random may be the same then, as
 * both have the memory that it is drawn from. They do not draw it in the same nanosecond.
 */
function nonce(): string {
  return `${randomUUID({ disableEntropyCache: true })}.${performance.now()}.${Date.now()}`;
}

/** The streams are made by the first server: an agent may be there before it. */
async function whenReachable(say: () => Promise<void>, log: Logger): Promise<void> {
  for (;;) {
    try {
      return await say();
    } catch (error) {
      log.debug({ err: error }, "NATS has no streams of Jobs yet; waiting for a server");
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}
