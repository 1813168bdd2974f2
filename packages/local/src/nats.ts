import { join } from "node:path";
/** The nats-server of a stack: an own one on the loopback, or one that is there already. */
import { agentPermissions, type NatsOptions } from "@jobs/core/jetstream";
import { findNatsServer, NatsServerProcess } from "@jobs/core/nats-server";
import type { Credentials } from "./credentials.ts";
import { greetNats } from "./nats-greeting.ts";
import { NatsKeeper } from "./nats-keeper.ts";
import type { LocalOptions } from "./options.ts";

type NatsAccess = Pick<NatsOptions, "url" | "user" | "password">;

export interface LocalNats {
  readonly url: string;
  /** How the server connects. */
  readonly server: NatsAccess;
  /** How the agent connects: with the rights of an agent alone, where the nats-server is our own. */
  readonly agent: NatsAccess;
  stop(): Promise<void>;
}

/** Starts one, or checks the one that is given. Throws `nats-server-missing`, `store-unavailable`. */
export async function startNats(options: LocalOptions, credentials: Credentials): Promise<LocalNats> {
  const { natsUrl } = options;
  return natsUrl === undefined ? await startOwn(options, credentials) : await useGiven(options, natsUrl);
}

async function startOwn(options: LocalOptions, credentials: Credentials): Promise<LocalNats> {
  const { cacheDir, env, signal, log } = options;
  const say = (line: string): void => options.onProgress?.("nats-server", line);
  const { file, version } = await findNatsServer({ cacheDir, path: env["PATH"] ?? "", signal, log: say });
  const { agentId, natsServerPassword, natsAgentPassword } = credentials;
  const server = { user: "server", password: natsServerPassword };
  const agent = { user: agentId, password: natsAgentPassword };
  const users = [server, { ...agent, permissions: agentPermissions(agentId) }];
  const program = new NatsServerProcess({ file, dataDir: join(options.dataDir, "nats"), serverName: "local", users });
  const keeper = new NatsKeeper(program, (line) => log?.error(line));
  await keeper.start();
  say(`${version} (${file})`);
  const { url } = program;
  return { url, server: { url, ...server }, agent: { url, ...agent }, stop: () => keeper.stop() };
}

async function useGiven(options: LocalOptions, url: string): Promise<LocalNats> {
  const access = { url, user: options.natsUser, password: options.natsPassword };
  const { version } = await greetNats(access, options.signal);
  options.onProgress?.("nats-server", `${version} at ${url}`);
  return { url, server: access, agent: access, stop: () => Promise.resolve() };
}
