/**
 * Every subject of the system; no other file builds or parses one. `docs/subjects.md` has the table.
 *
 * A job's name is one token: letters, digits, `-` and inner `_` stay, every other byte of its UTF-8 is `=XX`. So it is
 * reversible, and no name of a job begins with the `_` that marks what the server keeps beside the jobs.
 */

/** What `encodeURIComponent` keeps and a token does not. */
const TO_ESCAPE = /^_|[!'()*.~]/g;

/** A job's subjects are asked for several times in a row. */
const tokens = new Map<string, string>();
const TOKENS_KEPT = 10_000;

/** The subject token of a job's (normalised) name, which has no half of a character. */
export function encodeJob(name: string): string {
  const known = tokens.get(name);
  if (known !== undefined) return known;
  const token = encodeURIComponent(name).replaceAll("%", "=").replaceAll(TO_ESCAPE, escaped);
  if (tokens.size >= TOKENS_KEPT) tokens.clear();
  tokens.set(name, token);
  return token;
}

function escaped(character: string): string {
  return `=${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** The name that {@link encodeJob} made a token of. */
export function decodeJob(token: string): string {
  return decodeURIComponent(token.replaceAll(/=([0-9A-F]{2})/g, "%$1"));
}

/** Like {@link decodeJob}; undefined for a token that no name is encoded to. */
function findJob(token: string): string | undefined {
  try {
    const name = decodeJob(token);
    return encodeJob(name) === token ? name : undefined;
  } catch {
    return undefined; // not UTF-8
  }
}

/** What a subject under the bucket `jobs` names. */
export type JobsSubject =
  | { readonly kind: "definition"; readonly job: string }
  | { readonly kind: "run"; readonly job: string; readonly run: string }
  | { readonly kind: "attempt"; readonly job: string; readonly run: string; readonly attempt: number }
  | { readonly kind: "settings" }
  | { readonly kind: "mark"; readonly server: string };

const JOBS = "$KV.jobs.";
const MARK = `${JOBS}_mark.`;
const SETTINGS = `${JOBS}_settings.all`;
const AGENTS = "$KV.agents.";
const AGENTS_MARK = `${AGENTS}_mark.`;
const HISTORY_MARK = "history._mark.";
const FORGOTTEN = "history._forgotten.all";
const HISTORY_ERASURE = "history._erased.";

/** The server whose mark stands under this subject of the bucket `agents`; undefined when it is an agent. */
export function parseAgentsMark(subject: string): string | undefined {
  return subject.startsWith(AGENTS_MARK) ? subject.slice(AGENTS_MARK.length) : undefined;
}

/** The server whose mark stands under this subject of HISTORY; undefined when it is a run. */
export function parseHistoryMark(subject: string): string | undefined {
  return subject.startsWith(HISTORY_MARK) ? subject.slice(HISTORY_MARK.length) : undefined;
}

/** The job whose history was deleted, as this subject of HISTORY says; undefined when it says something else. */
export function parseHistoryErasure(subject: string): string | undefined {
  return subject.startsWith(HISTORY_ERASURE) ? findJob(subject.slice(HISTORY_ERASURE.length)) : undefined;
}

/** The run whose record stands under this subject of HISTORY; undefined when it is none that this version knows. */
export function parseHistoryRun(subject: string): { readonly job: string; readonly run: string } | undefined {
  const [root, token = "", run, more] = subject.split(".");
  const job = findJob(token);
  const isRun = root === "history" && token !== "" && more === undefined;
  return !isRun || job === undefined || run === undefined ? undefined : { job, run };
}

/** Parses a subject of the bucket `jobs`; undefined when it is none that this version knows. */
export function parseJobsSubject(subject: string): JobsSubject | undefined {
  if (!subject.startsWith(JOBS)) return undefined;
  if (subject === SETTINGS) return { kind: "settings" };
  const [token = "", kind, run, attempt, more] = subject.slice(JOBS.length).split(".");
  if (token === "_mark" && kind !== undefined) return { kind: "mark", server: kind };
  const job = findJob(token);
  if (job === undefined || token === "" || more !== undefined) return undefined;
  if (kind === "def" && run === undefined) return { kind: "definition", job };
  if (kind !== "run" || run === undefined) return undefined;
  if (attempt === undefined) return { kind: "run", job, run };
  return { kind: "attempt", job, run, attempt: Number(attempt) };
}

/** What an agent's subject names. */
export type AgentSubject =
  | { readonly kind: "beat" | "host"; readonly agent: string }
  | { readonly kind: "evt" | "log"; readonly agent: string; readonly run: string; readonly attempt: number };

/** Parses a subject that an agent published on; undefined when it is none that this version knows. */
export function parseAgentSubject(subject: string): AgentSubject | undefined {
  const [root, agent, kind, run, attempt, more] = subject.split(".");
  if (root !== "agt" || agent === undefined || more !== undefined) return undefined;
  if ((kind === "beat" || kind === "host") && run === undefined) return { kind, agent };
  if ((kind === "evt" || kind === "log") && run !== undefined && attempt !== undefined) {
    return { kind, agent, run, attempt: Number(attempt) };
  }
  return undefined;
}

/** One attempt of a run on an agent. */
export interface AttemptAddress {
  readonly agent: string;
  readonly run: string;
  readonly attempt: number;
}

/** What the server may put into an agent's inbox. */
export type InboxKind = "start" | "cancel" | "report" | "release";

export const subjects = {
  jobs: {
    all: `${JOBS}>`,
    run: (job: string, run: string) => `${JOBS}${encodeJob(job)}.run.${run}`,
    definition: (job: string) => `${JOBS}${encodeJob(job)}.def`,
    /** What holds for all jobs together. */
    settings: SETTINGS,
    /** The guard's filter: everything of one job. */
    guard: (job: string) => `${JOBS}${encodeJob(job)}.>`,
    mark: (server: string) => `${MARK}${server}`,
  },
  agents: {
    all: `${AGENTS}>`,
    record: (agent: string) => `${AGENTS}${agent}`,
    mark: (server: string) => `${AGENTS_MARK}${server}`,
  },
  inbox: {
    all: "inbox.>",
    of: (agent: string) => `inbox.${agent}.>`,
    attempt: ({ agent, run, attempt }: AttemptAddress) => `inbox.${agent}.${run}.${attempt}.>`,
    message: ({ agent, run, attempt }: AttemptAddress, kind: InboxKind) => `inbox.${agent}.${run}.${attempt}.${kind}`,
  },
  agent: {
    /** All that an agent may publish. */
    all: (agent: string) => `agt.${agent}.>`,
    beat: (agent: string) => `agt.${agent}.beat`,
    host: (agent: string) => `agt.${agent}.host`,
    evidence: ({ agent, run, attempt }: AttemptAddress) => `agt.${agent}.evt.${run}.${attempt}`,
    log: ({ agent, run, attempt }: AttemptAddress) => `agt.${agent}.log.${run}.${attempt}`,
    beats: "agt.*.beat",
    hosts: "agt.*.host",
    evidences: "agt.*.evt.>",
    logs: "agt.*.log.>",
  },
  server: {
    lease: "srv.lease",
    all: "srv.>",
    /** Commands for the deciding server: a plain request, kept in no stream. */
    command: (server: string) => `cmd.${server}`,
  },
  audit: { all: "audit.>", entry: (action: string, id: string) => `audit.${action}.${id}` },
  history: {
    all: "history.>",
    mark: (server: string) => `${HISTORY_MARK}${server}`,
    /** What was removed, and what is being removed. */
    forgotten: FORGOTTEN,
    run: (job: string, run: string) => `history.${encodeJob(job)}.${run}`,
    ofJob: (job: string) => `history.${encodeJob(job)}.*`,
    /** The job's records before it are deleted. */
    erasure: (job: string) => `${HISTORY_ERASURE}${encodeJob(job)}`,
  },
} as const;
