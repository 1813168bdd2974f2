/** One who may connect; without permissions he may do everything. */
export interface NatsUser {
  readonly user: string;
  readonly password: string;
  readonly permissions?: {
    readonly publish: NatsSubjectRule;
    readonly subscribe: NatsSubjectRule;
  };
}

/** Subjects, wildcards included, that are allowed; nothing else is. What is in `deny`, is not, even where allowed. */
export interface NatsSubjectRule {
  readonly allow: readonly string[];
  readonly deny?: readonly string[];
}

/** A place in a cluster: `routes` are the cluster addresses of its members, e.g. `nats://127.0.0.1:6222`. */
export interface NatsClusterOptions {
  readonly name: string;
  /** TCP port for the other members. */
  readonly port: number;
  readonly routes: readonly string[];
  /** Tell clients the addresses of the other members. Default true; false where they reach each one by another way. */
  readonly isAdvertised?: boolean;
}

/** What decides over the configuration file; a port of -1 is any free one. */
export interface NatsConf {
  readonly serverName: string;
  readonly host: string;
  readonly port: number;
  readonly monitorPort: number | undefined;
  readonly users: readonly NatsUser[];
  readonly cluster: NatsClusterOptions | undefined;
  readonly syncAlways: boolean;
  readonly maxPayloadBytes: number;
  readonly files: {
    readonly store: string;
    readonly log: string;
    readonly pid: string;
    readonly portsDir: string;
  };
}

/**
 * Renders a configuration file. It is JSON, which nats-server reads, so no value can be taken for syntax.
 *
 * @throws Error when a value holds a control character, for which that format knows no safe form.
 */
export function renderNatsConf(conf: NatsConf): string {
  return `${JSON.stringify(plainConf(conf), refuseControlCharacters, 2)}\n`;
}

function plainConf({ serverName, host, port, monitorPort, users, cluster, files, ...conf }: NatsConf): object {
  return {
    server_name: serverName,
    host,
    port,
    ...(monitorPort === undefined ? {} : { http: `${bracketed(host)}:${monitorPort}` }),
    ports_file_dir: files.portsDir,
    pid_file: files.pid,
    log_file: files.log,
    logfile_size_limit: 16 * 1024 * 1024,
    logfile_max_num: 3,
    max_payload: conf.maxPayloadBytes,
    write_deadline: "10s",
    jetstream: {
      store_dir: files.store,
      // By default a server syncs every two minutes: what it acknowledged before a power loss would be gone.
      ...(conf.syncAlways ? { sync_interval: "always" } : {}),
      // The server's own cap is 1,000 consumers a stream, and the inbox has one for each agent.
      limits: { default_max_consumers: 20_000 },
    },
    ...(cluster === undefined
      ? {}
      : {
          cluster: {
            name: cluster.name,
            host,
            port: cluster.port,
            routes: cluster.routes,
            ...(cluster.isAdvertised === false ? { no_advertise: true } : {}),
          },
        }),
    ...(users.length === 0 ? {} : { authorization: { users: users.map(plainUser) } }),
  };
}

function plainUser({ user, password, permissions }: NatsUser): object {
  if (permissions === undefined) return { user, password };
  return {
    user,
    password,
    permissions: { publish: plainRule(permissions.publish), subscribe: plainRule(permissions.subscribe) },
  };
}

/** An empty list would allow everything to nats-server. */
function plainRule({ allow, deny = [] }: NatsSubjectRule): object {
  if (allow.length === 0) return { deny: [">"] };
  return deny.length === 0 ? { allow } : { allow, deny };
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function refuseControlCharacters(key: string, value: unknown): unknown {
  if (typeof value === "string" && /[\p{Cc}\p{Cs}]/u.test(value)) {
    throw new Error(`the NATS configuration cannot hold a control character: ${key} = ${JSON.stringify(value)}`);
  }
  return value;
}
