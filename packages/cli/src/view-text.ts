import type { RunView } from "@jobs/sdk";
import type { Cell } from "./output.ts";

const COLOURS = {
  submitted: "dim",
  pending: "dim",
  running: "cyan",
  completed: "green",
  failed: "red",
  cancelled: "yellow",
  skipped: "yellow",
} as const satisfies Record<RunView["state"], string>;

/** A run's state as a cell of a table. */
export function stateCell({ state }: RunView): Cell {
  return { text: state, colour: COLOURS[state] };
}

/** An instant in local time, e.g. `2026-11-23 14:31:05`; `-` when there is none. */
export function instantText(instant: string | undefined): string {
  if (instant === undefined) return "-";
  return new Date(instant).toLocaleString("sv-SE");
}

/** How long a run ran, e.g. `0.4 s`, `12 min 3 s`, `3 h 5 min`; `-` while it has not ended. */
export function durationText({ times: { runningAt, endedAt } }: RunView): string {
  if (runningAt === undefined || endedAt === undefined) return "-";
  return timeText(Math.max(0, Date.parse(endedAt) - Date.parse(runningAt)));
}

/** E.g. `0.4 s`, `12 min 3 s`, `3 h 5 min`. */
export function timeText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A number of bytes for people, e.g. `812 B`, `1.4 MiB`. */
export function sizeText(sizeBytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, sizeBytes)) / 10));
  return power === 0 ? `${sizeBytes} B` : `${(sizeBytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}
