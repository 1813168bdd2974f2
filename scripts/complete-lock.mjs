/**
 * `node scripts/complete-lock.mjs`, after an `npm install` that changed package-lock.json.
 *
 * npm leaves optional packages for other platforms out of the lock when the registry in use does not have them, and
 * `npm ci` refuses such a lock, everywhere. This adds them: the version that their parent asks for, and the platform
 * that their name tells, so that they are installed there and passed over here.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FILE = join(dirname(dirname(fileURLToPath(import.meta.url))), "package-lock.json");
const SYSTEMS = ["android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const CPUS = ["arm64", "ia32", "loong64", "ppc64", "riscv64", "s390x", "wasm32", "x64", "arm"];

const lock = JSON.parse(readFileSync(FILE, "utf8"));
const added = [];
for (const [path, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (isLocked(path, name)) continue;
    const place =
      lock.packages[`node_modules/${name}`] === undefined ? `node_modules/${name}` : `${path}/node_modules/${name}`;
    lock.packages[place] = { version, ...platformOf(name), ...(dev ? { dev } : {}), optional: true };
    added.push(`${name}@${version}`);
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")));
if (added.length > 0) writeFileSync(FILE, `${JSON.stringify(lock, undefined, 2)}\n`);
console.log(`${added.length} optional packages added to package-lock.json`);

/** A package finds its dependency in its own node_modules or in one further up. */
function isLocked(path, name) {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    const prefix = at === "" ? "" : `${at}/`;
    if (lock.packages[`${prefix}node_modules/${name}`] !== undefined) return true;
    if (at === "") return false;
  }
}

function platformOf(name) {
  const text = name.replace("windows", "win32").replace(/-64$/, "-x64");
  const os = SYSTEMS.find((system) => text.includes(system));
  const cpu = CPUS.find((kind) => text.includes(`-${kind}`));
  const libc = text.includes("musl") ? "musl" : text.includes("gnu") && os === "linux" ? "glibc" : undefined;
  return { ...(cpu ? { cpu: [cpu] } : {}), ...(libc ? { libc: [libc] } : {}), ...(os ? { os: [os] } : {}) };
}
