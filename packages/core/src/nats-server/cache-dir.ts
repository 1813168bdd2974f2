import { isAbsolute, join } from "node:path";

/** Where the fetched nats-server is kept between runs: `$XDG_CACHE_HOME/jobs`, else `~/.cache/jobs`. */
export function defaultCacheDir(env: Readonly<Record<string, string | undefined>>, home: string): string {
  const base = env["XDG_CACHE_HOME"];
  return join(base !== undefined && isAbsolute(base) ? base : join(home, ".cache"), "jobs");
}
