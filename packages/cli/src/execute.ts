import type { Context, GlobalOptions } from "./context.ts";

/** Runs what a command does; its exit code, when it has one, is the program's. */
export type Execute = (action: (context: Context) => Promise<number | void>, options: GlobalOptions) => Promise<void>;

/** How commands describe their run. */
export const RUN = "id of a run, or name of a job: then its latest run";
