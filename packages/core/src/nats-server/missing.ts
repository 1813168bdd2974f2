import { JobsError } from "../errors.ts";

/** The error for: there is no nats-server that is new enough, and none could be fetched. Says what to install, and how. */
export function natsServerMissing(wanted: string, cause: unknown): JobsError {
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  const releases = "the releases page of nats-io/nats-server on GitHub";
  const lines = [
    `nats-server ${wanted} or newer is needed; it was not found, and could not be fetched${why}.`,
    "Install it and start again:",
    `  Debian, Ubuntu  the .deb file from ${releases}: dpkg -i nats-server-*.deb`,
    `  Fedora          the .rpm file from ${releases}: dnf install ./nats-server-*.rpm`,
    `  Alpine          apk add nats-server, or, where that is older, the .tar.gz file from ${releases}`,
    "  macOS           brew install nats-server",
    `  Windows         the .zip file from ${releases}; put nats-server.exe into a folder of PATH`,
    "Or use a NATS server that runs already (JetStream enabled): set NATS_URL, for example to nats://127.0.0.1:4222",
  ];
  return new JobsError("nats-server-missing", lines.join("\n"), { cause });
}
