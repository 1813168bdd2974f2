/**
 * The agent's beats and the licence that they give.
 *
 *   joining ──chained on the last beat of this disk's session──► beating ──conflict with another process──► broken
 *
 * Each beat is a compare-and-set on the one before. On a conflict the last stored beat tells what happened: our own,
 * whose acknowledgement was lost: go on from it; none: the store began anew, so does the chain; another process's: a
 * second agent has this identity (a cloned host, a restored disk), and the one that finds the chain broken stops. A host
 * that was cloned while it ran has the session and the numbers of its twin: only the nonce, which each sending has of its
 * own, tells whose beat is stored. One that broke has no licence any more. No beat is sent before the one acknowledged
 * last is on the disk: so the store is never more than one beat ahead of the file, and a restarted agent knows the chain
 * for its own.
 *
 * A replica that lags may answer with a beat from before the one that was acknowledged last: that tells nothing, and is
 * asked for again. If the answer stays, the nats-servers lost acknowledged beats with their memory, and their last one
 * may be of an earlier session of this disk: the chain goes on from there.
 *
 * An acknowledged beat is a licence for 60 s from its send time on the boot clock. Once it lapsed it never revives: the
 * next beat asks for a new number.
 */
import { setTimeout as delay } from "node:timers/promises";
import { instantOf, JobsError, LICENCE_MS, type Beat, type Licence } from "@jobs/core";
import type { AgentBeats } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import {
  isLast,
  isOfDisk,
  isOfSessions,
  sessionsBefore,
  type SessionFile,
  type SessionState,
  type StoredBeat,
} from "./session-file.ts";

const BEAT_MS = 5_000;
/** After a beat that was not stored, milliseconds. */
const AGAIN_MS = 500;
/** An agent that stops says so within this, or not at all, milliseconds. */
const GOODBYE_MS = 1_000;
/** So many old answers in a row are no lag: the store began anew, and its numbers with it. */
const OLD_READS_MAX = 20;
/** Sendings that are known for this process's own: more than an hour of them. */
const NONCES_MAX = 1_000;

export interface BeatChainOptions {
  readonly beats: AgentBeats;
  readonly file: SessionFile;
  readonly session: string;
  readonly bootClockMs: () => number;
  /** Wall clock, ms since 1970. */
  readonly nowMs: () => number;
  /** Another one at each call, also in two machines that were resumed from one snapshot. */
  readonly nonce: () => string;
  readonly held: () => Beat["held"];
  readonly isInboxReachable: () => boolean;
  /** False while the host could not do what it is in contact for; then no beat is sent. */
  readonly mayBeat: () => boolean;
  /** A beat sent at this boot time was acknowledged. */
  readonly onAcknowledged: (sentAtBootMs: number) => void;
  /** Another agent has this identity. */
  readonly onBroken: (error: JobsError) => void;
  /** The store began anew, and this session goes on in it: what else was in its memory must be sent again. */
  readonly onChainBegun: () => void;
  readonly log: Logger;
}

interface SentBeat {
  readonly number: number;
  readonly licence: number;
  readonly follows: number;
  readonly atBootMs: number;
  /** When a beat of this number was sent first: no repetition that may be the stored one is older. */
  readonly firstAtBootMs: number;
  /** Of this number's beats, all repetitions: any of them may be the stored one. */
  readonly nonces: Set<string>;
}

export class BeatChain {
  readonly #options: BeatChainOptions;
  #state: SessionState;
  #licence: { readonly number: number; readonly endsAtBootMs?: number };
  readonly #nonces = new Set<string>();
  /** What the next beat must follow in the store: the last one seen there, 0 when there was none. */
  #follows = 0;
  #sent: SentBeat | undefined;
  #oldReads = 0;
  /** The store has lost beats that were acknowledged. */
  #hasLostBeats = false;
  #isUnsaved = false;
  #hasSaveFailed = false;
  #timer: NodeJS.Timeout | undefined;
  #isJoined = false;
  #isBeating = false;
  #isWanted = false;
  /** A beat that says that the agent stops was stored; there from when it is to be sent. */
  #onGoodbye: (() => void) | undefined;
  #isStopped = false;
  #isBroken = false;

  constructor(options: BeatChainOptions) {
    this.#options = options;
    this.#state = { v: 1, session: options.session, number: 0, sequence: 0, licence: 0, before: [] };
    this.#licence = { number: 0 };
  }

  /** Joins the chain and sends the first beat; throws `agent-stopped` when another agent has this identity. */
  async start(): Promise<void> {
    const { file, session, nowMs } = this.#options;
    const previous = await file.load();
    const last = await this.#findLast(previous);
    // Above every licence of the sessions before, also if their file was lost: hence the clock.
    const highest = Math.max(previous?.licence ?? 0, last?.beat.licence.number ?? 0);
    this.#licence = { number: Math.max(highest + 1, Math.floor(nowMs() / 1000)) };
    const before = sessionsBefore(previous, last?.beat);
    this.#state = { v: 1, session, number: 0, sequence: last?.sequence ?? 0, licence: this.#licence.number, before };
    this.#follows = this.#state.sequence;
    await file.save(this.#state);
    this.#isJoined = true;
    await this.#beat();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Stops, after a beat that says so if that can be sent: until the agent is back its host is given nothing more. */
  async leave(): Promise<void> {
    const said = new Promise<void>((resolve) => (this.#onGoodbye = resolve));
    this.beatNow();
    if (this.#isJoined && !this.#isStopped) await Promise.race([said, delay(GOODBYE_MS)]);
    this.stop();
  }

  /** Beats at once, because what a beat says has changed. */
  beatNow(): void {
    // Before it has joined it knows no chain: a beat of its own would follow nothing. The first one says all.
    if (this.#isStopped || !this.#isJoined) return;
    this.#isWanted = true;
    clearTimeout(this.#timer);
    if (!this.#isBeating) this.#timer = setTimeout(() => void this.#beat(), 0);
  }

  /** When this very licence ends on the boot clock, while it is live; undefined when it is another one, has lapsed, or another agent has this identity. */
  findLiveLicence(licence: Licence): { readonly endsAtBootMs: number } | undefined {
    const { number, endsAtBootMs } = this.#licence;
    if (this.#isBroken || endsAtBootMs === undefined) return undefined;
    if (licence.session !== this.#options.session || licence.number !== number) return undefined;
    return this.#options.bootClockMs() < endsAtBootMs ? { endsAtBootMs } : undefined;
  }

  async #beat(): Promise<void> {
    if (this.#isBeating || this.#isStopped) return;
    this.#isBeating = true;
    this.#isWanted = false;
    let nextMs = AGAIN_MS;
    try {
      if (await this.#beatOnce()) nextMs = BEAT_MS;
    } catch (error) {
      this.#options.log.debug({ err: error }, "a beat failed");
    } finally {
      this.#isBeating = false;
      if (!this.#isStopped) this.#timer = setTimeout(() => void this.#beat(), this.#isWanted ? 0 : nextMs);
    }
  }

  /** True when the beat was stored. */
  async #beatOnce(): Promise<boolean> {
    const { beats, session, bootClockMs, nowMs, held, isInboxReachable, mayBeat } = this.#options;
    if (!mayBeat()) return false;
    if (this.#isUnsaved) await this.#save();
    this.#lapseIfOver();
    const number = this.#state.number + 1;
    const atBootMs = bootClockMs();
    const { firstAtBootMs, nonces } =
      this.#sent?.number === number ? this.#sent : { firstAtBootMs: atBootMs, nonces: new Set<string>() };
    const nonce = this.#newNonce();
    nonces.add(nonce);
    const sent = { number, licence: this.#licence.number, follows: this.#follows, atBootMs, firstAtBootMs, nonces };
    this.#sent = sent;
    const licence = { session, number: sent.licence };
    const [sentAt, onGoodbye] = [instantOf(nowMs()), this.#onGoodbye];
    const beat: Beat = { v: 1, session, number, nonce, sentAt, licence, held: held(), inbox: isInboxReachable() };
    const outcome = await beats.beat(onGoodbye ? { ...beat, isLeaving: true } : beat, sent.follows);
    if (outcome.kind === "stored") await this.#acknowledged(sent, outcome.sequence).then(onGoodbye);
    if (outcome.kind === "conflict") await this.#conflict();
    return outcome.kind === "stored";
  }

  async #acknowledged(sent: SentBeat, sequence: number): Promise<void> {
    this.#lapseIfOver();
    if (sent.licence === this.#licence.number)
      this.#licence = { number: sent.licence, endsAtBootMs: sent.atBootMs + LICENCE_MS };
    else this.#isWanted = true; // it lapsed while this beat was on its way: the next one asks for a new number
    this.#options.onAcknowledged(sent.atBootMs);
    const hasBegunAnew = this.#hasLostBeats || (sent.follows === 0 && this.#state.number > 0);
    this.#hasLostBeats = false;
    this.#state = { ...this.#state, number: sent.number, sequence, licence: this.#licence.number };
    this.#follows = sequence;
    this.#oldReads = 0;
    this.#isUnsaved = true;
    if (hasBegunAnew) this.#options.onChainBegun();
    await this.#save();
  }

  /** Throws when the disk refuses: then no beat follows, and the licence lapses in time. */
  async #save(): Promise<void> {
    try {
      await this.#options.file.save(this.#state);
    } catch (error) {
      const { log } = this.#options;
      if (!this.#hasSaveFailed)
        log.error({ err: error }, "the last beat cannot be saved; no further one is sent until it is");
      this.#hasSaveFailed = true;
      throw error;
    }
    this.#isUnsaved = this.#hasSaveFailed = false;
  }

  async #conflict(): Promise<void> {
    const last = await this.#options.beats.last();
    if (last === undefined) {
      // The store began anew; or else the next beat conflicts again, and is answered by a replica that knows more.
      this.#follows = 0;
      this.#isWanted = this.#oldReads++ === 0;
      return;
    }
    const { beat, sequence } = last;
    const sent = this.#sent;
    const isOurSession = beat.session === this.#state.session;
    if (isOurSession && !this.#hasSent(beat)) return this.#break(last);
    if (isOurSession && sent !== undefined && beat.number === sent.number) {
      this.#isWanted = true; // what is stored may be long ago: this licence is short, or over
      return this.#acknowledged({ ...sent, licence: beat.licence.number, atBootMs: sent.firstAtBootMs }, sequence);
    }
    const isOld = sequence <= this.#state.sequence;
    if (isOld && ++this.#oldReads <= OLD_READS_MAX) {
      this.#follows = this.#state.sequence;
      return;
    }
    // Of a session before, a beat was still on its way, or was not to be seen, when this one began; or ours are lost.
    const isBefore = (isOld || this.#state.number === 0) && isOfSessions(this.#state.before, beat);
    if (!isOurSession && !isBefore) return this.#break(last);
    this.#hasLostBeats = this.#state.number > 0;
    this.#follows = sequence;
  }

  #newNonce(): string {
    const nonce = this.#options.nonce();
    this.#nonces.add(nonce);
    if (this.#nonces.size > NONCES_MAX) this.#nonces.delete(this.#nonces.values().next().value!);
    return nonce;
  }

  /** Whether a beat of this session is this process's, and not of a twin. */
  #hasSent({ number, nonce }: Beat): boolean {
    return nonce === undefined ? number <= (this.#sent?.number ?? 0) : this.#nonces.has(nonce);
  }

  #break(found: StoredBeat): void {
    const { session, number, sequence } = this.#state;
    this.#options.log.error({ found: told(found), own: { session, number, sequence } }, "the chain of beats is broken");
    this.stop();
    this.#isBroken = true;
    this.#options.onBroken(stopped());
  }

  /** The beat to follow; undefined when there is none. Throws `agent-stopped` when it is another agent's. */
  async #findLast(previous: SessionState | undefined): Promise<StoredBeat | undefined> {
    for (let oldReads = 0; ; oldReads++) {
      const last = await this.#options.beats.last();
      if (last === undefined || isLast(last, previous)) return last;
      const isOld = last.sequence <= (previous?.sequence ?? 0);
      if (!isOld || oldReads === OLD_READS_MAX) {
        // A cluster may lose what is in memory: its last beat is then one that this disk saw replaced.
        if (isOld && previous !== undefined && isOfDisk(previous, last.beat)) return last;
        this.#options.log.error({ found: told(last), own: previous }, "the last beat is not this disk's");
        throw stopped();
      }
      await delay(AGAIN_MS);
    }
  }

  #lapseIfOver(): void {
    const { number, endsAtBootMs } = this.#licence;
    if (endsAtBootMs !== undefined && this.#options.bootClockMs() >= endsAtBootMs)
      this.#licence = { number: number + 1 };
  }
}

function told({ beat: { session, number }, sequence }: StoredBeat): unknown {
  return { session, number, sequence };
}

function stopped(): JobsError {
  return new JobsError(
    "agent-stopped",
    "Another agent beats under this agent's id: this host was cloned, or its disk was restored. Stop the other one, or give this one a new id and an empty state folder.",
  );
}
