/** What a server is made of: what it holds in memory of NATS, its duties, and the doors to it. */
import type { AddressInfo } from "node:net";
import { performance } from "node:perf_hooks";
import { instantOf, JobsError, KEPT_FOR, startAll, stopAll } from "@jobs/core";
import { FileStore } from "@jobs/core/artifacts";
import { isMemberKept, isSlotOpen } from "@jobs/core/decide";
import { watchContact, type NatsLink, type StreamWatch } from "@jobs/core/jetstream";
import { pino } from "pino";
import { Commands } from "./commands.ts";
import type { ServerOptions } from "./config.ts";
import { Decider } from "./duties/decider.ts";
import { DecidingLease } from "./duties/deciding-lease.ts";
import { Deciding } from "./duties/deciding.ts";
import { Enroller } from "./duties/enroller.ts";
import { EvidenceDesk } from "./duties/evidence-desk.ts";
import { HistoryEraser } from "./duties/history-eraser.ts";
import { HistoryKeeper } from "./duties/history-keeper.ts";
import { Messenger } from "./duties/messenger.ts";
import { PayloadKeeper } from "./duties/payload-keeper.ts";
import { Releaser } from "./duties/releaser.ts";
import { RestoreGate } from "./duties/restore-gate.ts";
import { SettingsKeeper } from "./duties/settings-keeper.ts";
import { Settler } from "./duties/settler.ts";
import { createApp } from "./http/app.ts";
import { Auth } from "./http/auth.ts";
import { healthOf } from "./http/health.ts";
import { LogKeeper } from "./logs/log-keeper.ts";
import { LogReader } from "./logs/log-reader.ts";
import { Metrics } from "./metrics/metrics.ts";
import { AgentsProjection } from "./projection/agents-projection.ts";
import { countsForMs, trackAttempts } from "./projection/attempts-on-hosts.ts";
import { Dependents, isNeededBy } from "./projection/dependents.ts";
import { startFeeds } from "./projection/feeds.ts";
import { FinishedRecords } from "./projection/finished-records.ts";
import { HistoryIndex } from "./projection/history-index.ts";
import { JobsProjection } from "./projection/jobs-projection.ts";
import { keptForIn } from "./projection/kept-for.ts";
import { RunPresenter } from "./projection/run-presenter.ts";
import { runStates } from "./projection/run-states.ts";
import { Runs } from "./projection/runs.ts";
import { Silence } from "./projection/silence.ts";
import { ViewMark } from "./projection/view-mark.ts";
import { openStores } from "./stores.ts";
import { ShellChecker } from "./submission/shell-checker.ts";
import { ShellSyntax } from "./submission/shell-syntax.ts";
import { VERSION } from "./version.ts";
import { FollowSockets } from "./websocket/follow.ts";

const monotonicMs = (): number => performance.now();
const nowMs = (): number => Date.now();
const now = (): string => instantOf(Date.now());

interface Begun {
  readonly id: string;
  readonly link: NatsLink;
  readonly undo: (() => Promise<unknown>)[];
}

/** Builds the object graph in the order in which its parts need each other, and gives the URL it listens at. */
export async function build(options: ServerOptions, { id, link, undo }: Begun): Promise<string> {
  const log = (options.log ?? pino({ level: "silent" })).child({ server: id });
  const stopping = new AbortController();
  undo.push(() => Promise.resolve(stopping.abort()));
  const store = await openStores(link, { signal: stopping.signal, nowMs, log });
  const { secret } = options;
  let url = "";
  const baseUrl = (): string => options.publicUrl ?? url;
  const artifacts = new FileStore({ directory: options.artifacts.directory, secret, now: nowMs, baseUrl });
  void artifacts.removeLeftOvers().catch((err: unknown) => log.warn({ err }, "left-over uploads were not removed"));

  const jobs = new JobsProjection({ monotonicMs });
  const finished = new HistoryIndex((runs) => agents.onErased(runs));
  const silence = new Silence({ monotonicMs });
  const agents = new AgentsProjection({
    monotonicMs,
    now,
    assignedTo: (agent) => jobs.occupancy.of(agent),
    usedAtMs: (agent) => jobs.occupancy.usedAtMs(agent),
    countsForMs: (held, listedAtMs) => countsForMs(held, listedAtMs, { jobs, finished }),
  });
  const feeds: StreamWatch[] = [];
  const mark = new ViewMark({
    stores: [store.jobs, store.history, store.agents],
    server: id,
    monotonicMs,
    onHoles: () => feeds.slice(0, 2).forEach((feed) => feed.readAnew()), // of jobs and HISTORY: from the other streams nothing is removed without a word
    log,
  });
  const dependents = new Dependents(jobs);
  const stateOf = runStates(jobs, finished);
  const presenter = new RunPresenter({ jobs, dependents, stateOf, silence, nowMs });
  const records = new FinishedRecords({ read: (job, run) => store.history.find(job, run) });
  const runs = new Runs({
    jobs,
    history: finished,
    presenter,
    records,
    catchUp: () => mark.confirm(),
    mayDecide: () => mayDecide(),
  });
  trackAttempts(jobs, silence);

  let gainedAtMs = Number.POSITIVE_INFINITY; // while it does not decide
  // What holds for all jobs has no job's guard: the view must be newer than all that the server before this one answered.
  const onGained = (): void => {
    const atMs = (gainedAtMs = monotonicMs());
    const confirmed = mark.confirm().catch((err: unknown) => log.warn({ err }, "its view is not confirmed")); // until it is, nothing is decided
    void confirmed.then(() => (gainedAtMs === atMs ? deciding.start() : undefined));
  };
  const onLost = (): void => {
    gainedAtMs = Number.POSITIVE_INFINITY;
    silence.reset();
    void deciding.stop();
  };
  const lease: DecidingLease = new DecidingLease({
    beats: store.beats,
    server: id,
    monotonicMs,
    log,
    isFit: () => mark.isCurrent() && (mark.isCurrent(gainedAtMs) || monotonicMs() - gainedAtMs < CONFIRM_WITHIN_MS),
    onGained,
    onLost,
    onOwnRenewal: (sentAtMs) => silence.onOwnBeat(sentAtMs),
  });
  const mayDecide = (): boolean => lease.isHeld && mark.isCurrent(gainedAtMs);
  const assertMayDecide = (): void => {
    if (mayDecide()) return;
    throw new JobsError("no-deciding-server", "This server may not decide just now: try again.");
  };
  let isConnected = true;
  const metrics = new Metrics({
    jobs,
    finished,
    agents,
    presenter,
    lease,
    mark,
    connection: link.connection,
    isConnected: () => isConnected,
    nowMs,
    monotonicMs,
  });
  const { inbox, history, evidence, audit, epoch } = store;
  const gate = new RestoreGate({ agents, epoch, monotonicMs });
  const decider = new Decider({
    store: store.jobs,
    history,
    finished,
    stateOf,
    jobs,
    agents,
    silence,
    isRestoring: () => gate.isClosed(),
    now,
    monotonicMs,
    onOutcome: (outcome) => metrics.onOutcome(outcome),
    onStored: (run, before) => metrics.onStored(run, before),
    log,
    signal: stopping.signal,
    assertMayDecide,
  });
  const desk = new EvidenceDesk({ findRun: (run) => jobs.find(run)?.run });
  const enroller = new Enroller({ store: store.agents, inbox, agents, epoch, now, log });
  const releaser = new Releaser({ inbox, evidence, logs: store.logs, history: finished, jobs, epoch, log });
  const eraser = new HistoryEraser({
    decider,
    history,
    releaser,
    finished,
    dependents,
    artifacts,
    agents,
    audit,
    now,
    log,
  });
  const deciding: Deciding = new Deciding({
    evidence,
    desk,
    jobs,
    dependents,
    agents,
    decider,
    messenger: new Messenger({ inbox, artifacts, epoch, nowMs, monotonicMs, log }),
    settler: new Settler({
      decider,
      history,
      inbox,
      artifacts,
      logs: new LogKeeper({ logs: store.logs, artifacts }),
      desk,
      silentMs: (held) => silence.silentMs(held),
      isUnreadable: (job) => jobs.view(job).isUnreadable,
      isOpen: (run) => isSlotOpen(jobs.view(run.job), run) || finished.isErasing(run.job),
      isFinished: (run) => finished.has(run),
      isKept: (run) => isMemberKept(jobs.view(run.job), run),
      onFinished: (run, sequence) => finished.add(run, sequence),
      now,
      monotonicMs,
      log,
    }),
    historyKeeper: new HistoryKeeper({
      history,
      finished,
      artifacts,
      payloads: new PayloadKeeper({ jobs, finished, artifacts, assertMayDecide, nowMs }),
      keptFor: keptForIn(jobs, options.retention ?? KEPT_FOR),
      isNeeded: isNeededBy(jobs, dependents),
      assertMayDecide,
      nowMs,
      log,
    }),
    releaser,
    eraser,
    enroller,
    nowMs,
    log,
  });

  const watches = await startFeeds({
    stores: store,
    jobs,
    finished,
    records,
    runs,
    agents,
    silence,
    mark,
    duties: deciding,
    lease,
    log,
  });
  feeds.push(...watches);
  undo.push(() => Promise.all(watches.map((watch) => watch.stop())));
  const commands = new Commands({
    link,
    server: id,
    lease,
    decider,
    eraser,
    enroller,
    settings: new SettingsKeeper({ store: store.jobs, jobs, assertMayDecide }),
    audit,
    jobs,
    agents,
    assertMayDecide,
    now,
    monotonicMs,
    log,
  });
  const refreshing = setInterval(() => runs.refresh(), REFRESH_MS);
  undo.push(() => Promise.resolve(clearInterval(refreshing)));
  const checker = new ShellChecker();
  const services = [checker, commands, mark];
  undo.push(() => stopAll(services));
  await startAll(services);

  let isStopping = false;
  const auth = new Auth(options.tokens);
  const reader = new LogReader({ logs: store.logs, artifacts, runs, jobs, log });
  const follow = new FollowSockets({ runs, auth, log, logs: reader, slowReaderMs: options.slowReaderMs });
  const contact = watchContact(link, (isBack) => (isConnected = isBack));
  undo.push(() => Promise.resolve(contact.stop()));
  const app = createApp({
    commands,
    runs,
    jobs,
    presenter,
    audit,
    agents,
    auth,
    artifacts,
    secret,
    nowMs,
    health: () => healthOf({ id, isConnected, isStopping, mark, lease }),
    metrics,
    syntax: new ShellSyntax(checker),
    version: VERSION,
    log,
    bodyTimeoutMs: options.bodyTimeoutMs,
  });
  follow.attach(app.server);
  // Begun last, as what it sends to agents has URLs of this server in it; ended after the app: what is in flight is still decided.
  const duties = [deciding.asStandby(), lease];
  undo.push(() => stopAll(duties));
  undo.push(() => app.close());
  undo.push(() => {
    isStopping = true; // whoever asks for its health sends no more, and then it stops
    return new Promise((resolve) => setTimeout(resolve, options.stopDelayMs ?? 0)).then(() => follow.stop());
  });
  await app.listen({ host: options.host, port: options.port });
  const { address, port, family } = app.server.address() as AddressInfo;
  url = `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  await startAll(duties);
  log.info({ url }, "listening");
  return url;
}

const CONFIRM_WITHIN_MS = 2_000; // a server whose view does not come up to date so soon leaves deciding to another one
const REFRESH_MS = 1_000; // how often those who follow a run hear of what has changed beside its record
