// @ts-check
/** Programs and packages of peers, fetched on demand. Every failure says in one line what could not be had. */
import { execFile } from "node:child_process";
import { access, constants, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** @import { AddressInfo } from "node:net" */

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL("../../node_modules/.cache/jobs-bench-peers/", import.meta.url));
/** Debian's packages start their services when they are installed, but not in this run level. */
const APT_ENV = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };

/**
 * The path of a program; installs the Debian package that has it.
 *
 * @param {string} program
 * @param {{ debian: string, say: (line: string) => void }} options
 */
export async function findProgram(program, { debian, say }) {
  const found = await findOnPath(program);
  if (found !== undefined) return found;
  if (process.getuid?.() !== 0 || (await findOnPath("apt-get")) === undefined) {
    throw new Error(`${program} is missing: install it (Debian: apt-get install ${debian})`);
  }
  say(`installing ${debian}`);
  const install = () => run("apt-get", ["install", "-y", "--no-install-recommends", debian], { env: APT_ENV });
  try {
    // The lists of a fresh container are empty.
    await install().catch(() => run("apt-get", ["update"]).then(install));
  } catch (error) {
    throw new Error(`${program} is missing, and apt-get cannot install ${debian}`, { cause: error });
  }
  const installed = await findOnPath(program);
  if (installed === undefined) throw new Error(`${program} is missing, though ${debian} is installed`);
  return installed;
}

/**
 * The folder that files may require the packages from, which it keeps for later runs.
 *
 * @param {Readonly<Record<string, string>>} packages versions by name
 * @param {(line: string) => void} say
 */
export async function installPackages(packages, say) {
  const wanted = Object.entries(packages).map(([name, version]) => `${name}@${version}`);
  const folder = join(CACHE, wanted.join("+"));
  const stamp = join(folder, "installed");
  if (await isThere(stamp)) return folder;
  say(`installing ${wanted.join(", ")}`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), '{ "private": true }\n');
  try {
    await run("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", ...wanted], { cwd: folder });
  } catch (error) {
    throw new Error(`npm cannot install ${wanted.join(", ")}`, { cause: error });
  }
  await writeFile(stamp, "");
  return folder;
}

/** A port of loopback that was free just now. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = /** @type {AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** @param {string} program */
async function findOnPath(program) {
  // Servers are in sbin, which is not on everybody's PATH.
  for (const folder of [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"]) {
    const file = join(folder, program);
    if (await isThere(file, constants.X_OK)) return file;
  }
  return undefined;
}

/** @param {string} file */
async function isThere(file, mode = constants.F_OK) {
  return access(file, mode).then(
    () => true,
    () => false,
  );
}
