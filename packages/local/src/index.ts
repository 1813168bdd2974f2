export { defaultCacheDir } from "@jobs/core/nats-server";
export type { LocalOptions, LocalPart } from "./options.ts";
export { startLocal, type RunningLocal } from "./local.ts";
