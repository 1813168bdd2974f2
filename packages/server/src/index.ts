export { serverOptionsFrom, type ServerOptions } from "./config.ts";
export type { AccessToken } from "./http/auth.ts";
export { startServer, type RunningServer } from "./server.ts";
