export { defaultCacheDir } from "./cache-dir.ts";
export { findNatsServer, type FindNatsServerOptions, type NatsServerProgram } from "./find.ts";
export type { NatsClusterOptions, NatsSubjectRule, NatsUser } from "./nats-conf.ts";
export { NatsServerProcess, type NatsServerExit, type NatsServerProcessOptions } from "./process.ts";
