/**
 * What comes into AUDIT of the commands. An entry is of the change that is stored, under an id made from that: a server that
 * died after it had stored a change leaves the entry to the one that is asked again.
 */
import { randomUUID } from "node:crypto";
import type { AuditEntry, Command, CommandAnswer, HistoryDeletion } from "@jobs/core";
import { actionOf } from "@jobs/core/decide";
import type { AuditStore } from "@jobs/core/jetstream";

/** Of a submission the record of the run says who made it. */
export type AuditedCommand = Exclude<Command, { kind: "submit" }>;

/** A change as it is stored. */
export interface AuditedChange {
  /** The same however often the change is asked for; of no other change with this action. */
  readonly id: string;
  readonly at: string;
  readonly by: string;
  readonly note?: string | undefined;
}

/** The change that was asked for, made now or before by who asks; undefined when there is none, or somebody else made it. */
export function changeOf(command: AuditedCommand, answer: CommandAnswer, now: string): AuditedChange | undefined {
  const stored = storedChangeOf(command, answer);
  // A run is resolved once, by whoever its record names.
  if (stored !== undefined) return stored.by === command.by || command.kind === "resolve" ? stored : undefined;
  if (command.kind !== "delete") return undefined;
  const id = answer.isNew ? (answer.deleted ?? randomUUID()) : command.lastChange;
  return id === undefined ? undefined : { id, at: now, by: command.by };
}

function storedChangeOf(
  command: AuditedCommand,
  { run, definition, settings, agent, deletion }: CommandAnswer,
): AuditedChange | undefined {
  switch (command.kind) {
    case "cancel": {
      if (run?.cancel === undefined || run.cancel.replacedBy !== undefined) return undefined;
      return { id: run.run, at: run.cancel.requestedAt, by: run.cancel.by };
    }
    case "resolve":
      return run?.resolved === undefined ? undefined : { ...run.resolved, id: run.run };
    case "hold":
      return ofInstant(run?.hold, run?.run);
    case "release":
      return run?.hold === undefined ? ofInstant(run?.released, run?.run) : undefined;
    case "define": {
      if (definition?.lastChange?.action !== actionOf(command)) return undefined;
      return { id: definition.lastChange.id, at: definition.updatedAt, by: definition.updatedBy };
    }
    case "pause-all":
      return ofInstant(settings?.paused, "all");
    case "drain":
      return ofInstant(agent?.drain, agent?.id);
    case "undrain":
      return agent?.drain === undefined ? ofInstant(agent?.undrained, agent?.id) : undefined;
    case "resume-all":
      return settings?.paused === undefined ? ofInstant(settings?.resumed, "all") : undefined;
    case "delete-history":
      return deletion === undefined ? undefined : ofDeletion(deletion);
    case "delete":
      return undefined;
  }
}

/** That the history of a job was deleted, for who carries it out. Throws when it was not stored. */
export function auditDeletion(store: Pick<AuditStore, "write">, job: string, deletion: HistoryDeletion): Promise<void> {
  const change = ofDeletion(deletion);
  return store.write(change.id, entryOf({ v: 1, kind: "delete-history", job, by: deletion.by }, change));
}

/** Sequences begin anew in a store that is made anew. */
function ofDeletion({ sequence, at, by }: HistoryDeletion): AuditedChange {
  return { id: `${sequence}-${Date.parse(at)}`, at, by };
}

/** What can be done again once it was undone: never twice at one instant. */
function ofInstant(
  done: Omit<AuditedChange, "id"> | undefined,
  subject: string | undefined,
): AuditedChange | undefined {
  if (done === undefined || subject === undefined) return undefined;
  return { ...done, id: `${subject}-${Date.parse(done.at)}` };
}

export function entryOf(command: AuditedCommand, { at, by, note }: AuditedChange): AuditEntry {
  const action = command.kind === "define" ? actionOf(command) : command.kind;
  return { v: 1, at, by, action, ...subjectOf(command), ...noteOf(note) };
}

/** What an act was about, and what was said with it. */
function subjectOf(command: AuditedCommand): Pick<AuditEntry, "job" | "run" | "agent" | "note" | "policy"> {
  switch (command.kind) {
    case "cancel":
    case "hold":
    case "release":
    case "resolve":
      return { job: command.job, run: command.run };
    case "define":
      return {
        job: command.job,
        ...noteOf(command.pause?.note),
        ...(command.policy === undefined ? {} : { policy: command.policy }),
      };
    case "delete":
    case "delete-history":
      return { job: command.job };
    case "pause-all":
    case "resume-all":
      return {};
    case "drain":
    case "undrain":
      return { agent: command.agent };
  }
}

export function noteOf(note: string | undefined): Pick<AuditEntry, "note"> {
  return note === undefined ? {} : { note };
}
