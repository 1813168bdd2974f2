/**
 * Fetches nats-server with the machine's own apt: from the mirror and with the keys it is configured with, into a
 * temporary folder. Nothing is installed and no file of the system is written, so it needs no root.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findPrograms } from "./program-path.ts";
import { findVersion, isVersionAtLeast, WANTED_NATS_SERVER_VERSION } from "./version.ts";

export interface FetchOptions {
  /** The text of PATH. */
  readonly path: string;
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A fetched program in a temporary folder, which goes when this is disposed. */
export interface FetchedProgram extends AsyncDisposable {
  readonly file: string;
  readonly version: string;
}

interface Mirror {
  readonly origin: string;
  readonly uri: string;
  readonly signedBy: string | undefined;
}

interface Apt {
  readonly dir: string;
  run(program: "apt-get" | "dpkg", ...args: string[]): Promise<string>;
}

const FETCH_TIMEOUT_MS = 180_000;

/** By the distributor's name in the mirror's Release file: where its newest nats-server is, the best first. */
const SUITES: Readonly<Record<string, readonly string[]>> = {
  Debian: ["unstable main", "testing main"],
  Ubuntu: ["devel universe"],
};

/** The system's state, hooks and pins stay out of it; what is not signed is refused whatever the machine allows. */
const APT_CONF = `
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Default-Release "";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
Dir::Cache "./cache";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State::Status "./status";
`;
const OWN_LISTS = ["-o", "Dir::State::Lists=./lists"];
const INDEX_TARGETS = [
  "indextargets",
  "--format",
  "$(ORIGIN)|$(LABEL)|$(REPO_URI)|$(SIGNED_BY)",
  "Created-By: Packages",
];
const OWN_SOURCES = [
  "-o",
  "Dir::Etc::SourceList=./sources.list",
  "-o",
  "Dir::Etc::SourceParts=/dev/null",
  ...OWN_LISTS,
];

/**
 * Fetches the newest nats-server of the distribution; takes about five seconds.
 *
 * @throws Error when there is no apt-get, no network, or nothing new enough.
 */
export async function fetchFromDebian({ path, log, signal }: FetchOptions): Promise<FetchedProgram> {
  const [aptGet] = await findPrograms("apt-get", path);
  const [dpkg] = await findPrograms("dpkg", path);
  if (aptGet === undefined || dpkg === undefined) throw new Error("there is no apt-get on PATH");
  log("fetching nats-server from the package mirror of this machine (about 17 MB, once)");
  const limit = AbortSignal.timeout(FETCH_TIMEOUT_MS);
  const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  const dir = await mkdtemp(join(tmpdir(), "jobs-nats-server-"));
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true });
  const apt: Apt = {
    dir,
    run: async (program, ...args) => {
      const file = program === "dpkg" ? dpkg : aptGet;
      return (await promisify(execFile)(file, args, { cwd: dir, signal: either })).stdout;
    },
  };
  try {
    return { ...(await fetchInto(apt, either)), [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    signal?.throwIfAborted();
    throw limit.aborted ? new Error(`fetching took over ${FETCH_TIMEOUT_MS / 1000} s`, { cause: error }) : error;
  }
}

async function fetchInto(apt: Apt, signal: AbortSignal): Promise<{ file: string; version: string }> {
  for (const folder of ["lists/partial", "cache/archives/partial"])
    await mkdir(join(apt.dir, folder), { recursive: true });
  await writeFile(join(apt.dir, "status"), "");
  await writeFile(join(apt.dir, "apt.conf"), APT_CONF);
  const failures: unknown[] = [];
  for (const mirror of await findMirrors(apt)) {
    for (const suite of SUITES[mirror.origin] ?? []) {
      try {
        return await fetchSuite({ apt, mirror, suite, signal });
      } catch (error) {
        signal.throwIfAborted();
        failures.push(error);
      }
    }
  }
  throw new AggregateError(failures, "no package mirror of this machine gave a nats-server that is new enough");
}

async function fetchSuite(from: {
  apt: Apt;
  mirror: Mirror;
  suite: string;
  signal: AbortSignal;
}): Promise<{ file: string; version: string }> {
  const { apt, mirror, suite, signal } = from;
  const options = mirror.signedBy === undefined ? "" : `[signed-by=${mirror.signedBy}] `;
  await writeFile(join(apt.dir, "sources.list"), `deb ${options}${mirror.uri} ${suite}\n`, { mode: 0o600 });
  await apt.run("apt-get", "-c", "./apt.conf", ...OWN_SOURCES, "update");
  await apt.run("apt-get", "-c", "./apt.conf", ...OWN_SOURCES, "download", "nats-server");
  const archive = (await readdir(apt.dir)).find((name) => name.endsWith(".deb"));
  if (archive === undefined) throw new Error(`${mirror.uri} ${suite} has no nats-server`);
  await apt.run("dpkg", "-x", archive, "unpacked");
  await rm(join(apt.dir, archive));
  const file = join(apt.dir, "unpacked/usr/sbin/nats-server");
  const version = await findVersion(file, signal);
  if (version === undefined) throw new Error(`the nats-server of ${suite} does not run on this machine`);
  if (!isVersionAtLeast(version, WANTED_NATS_SERVER_VERSION))
    throw new Error(`the nats-server of ${suite} is ${version}`);
  return { file, version };
}

/** The distribution's mirrors that this machine is configured with. Its package lists may have been removed, as in many images. */
async function findMirrors(apt: Apt): Promise<Mirror[]> {
  const known = parseMirrors(await apt.run("apt-get", ...INDEX_TARGETS));
  if (known.length > 0) return known;
  await apt.run("apt-get", "-c", "./apt.conf", ...OWN_LISTS, "update");
  return parseMirrors(await apt.run("apt-get", ...OWN_LISTS, ...INDEX_TARGETS));
}

function parseMirrors(text: string): Mirror[] {
  const mirrors = new Map<string, Mirror>();
  for (const line of text.split("\n")) {
    const [origin = "", label, uri = "", signedBy = ""] = line.split("|");
    // The security and backports archives carry labels of their own, and no other suites.
    if (label !== origin || SUITES[origin] === undefined) continue;
    mirrors.set(uri, { origin, uri, signedBy: /^[/0-9A-F][^\s\]]*$/.test(signedBy) ? signedBy : undefined });
  }
  return [...mirrors.values()];
}
