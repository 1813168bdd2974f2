/**
 * Makes a checkout ready to run: installs when node_modules does not fit package-lock.json, builds when a source is
 * newer than the last build. Both are checked in some milliseconds, and nothing is printed when nothing is to be done.
 * `node scripts/prepare.mjs install` only installs.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const STAMP = join(ROOT, "node_modules/.cache/jobs-build/stamp");
const BUILD_FILES = ["package.json", "tsconfig.json", "tsup.config.ts"];
const ROOT_BUILD_FILES = ["package-lock.json", "tsconfig.base.json", "tsconfig.json", "turbo.json"];
const PARENT_CHECK_MS = 250;
const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** Installs and builds what is missing or stale; exits with the failed command's code when that is not possible. */
export async function prepare() {
  await install();
  await build();
}

/**
 * npm runs a script through a shell, and on SIGTERM that shell dies without passing it on. So when our parent is gone,
 * we take that for the SIGTERM.
 */
export function endWithParent() {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, PARENT_CHECK_MS);
  timer.unref();
}

async function install() {
  const reason = whyInstall();
  if (reason === undefined) return;
  say(`installing dependencies (${reason}); takes about half a minute`);
  await npm("ci");
}

async function build() {
  const stamp = sourceStamp();
  if (
    readOr(STAMP, "") === stamp &&
    packagesToBuild().every((name) => existsSync(join(ROOT, "packages", name, "dist")))
  )
    return;
  say(`building (${existsSync(STAMP) ? "sources have changed" : "for the first time"}); takes some seconds`);
  rmSync(STAMP, { force: true });
  await npm("run", "--silent", "build", "--", "--output-logs=errors-only");
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, stamp);
}

/** npm writes what it installed to node_modules/.package-lock.json; packages for other platforms are not in there. */
function whyInstall() {
  const installed = readJson(join(ROOT, "node_modules/.package-lock.json"))?.packages;
  if (installed === undefined) return "there is no node_modules";
  const wanted = readJson(join(ROOT, "package-lock.json"))?.packages ?? {};
  for (const [path, { version, integrity, link, optional }] of Object.entries(wanted)) {
    if (!path.includes("node_modules/")) continue;
    const have = installed[path];
    if (have === undefined && optional) continue;
    if (have?.version !== version || have?.integrity !== integrity || have?.link !== link)
      return "package-lock.json has changed";
  }
  return undefined;
}

/** Changes whenever a file that a build reads is added, removed or written. */
function sourceStamp() {
  const hash = createHash("sha256").update(process.version);
  const add = (file) => {
    const { mtimeMs, size } = statSync(file);
    hash.update(`${file}\0${mtimeMs}\0${size}\n`);
  };
  for (const name of ROOT_BUILD_FILES) add(join(ROOT, name));
  for (const name of packagesToBuild()) {
    const folder = join(ROOT, "packages", name);
    for (const file of BUILD_FILES.map((entry) => join(folder, entry))) if (existsSync(file)) add(file);
    for (const entry of readdirSync(join(folder, "src"), { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && !entry.name.includes(".test.")) add(join(entry.parentPath ?? entry.path, entry.name));
    }
  }
  return hash.digest("hex");
}

function packagesToBuild() {
  return readdirSync(join(ROOT, "packages")).filter((name) => existsSync(join(ROOT, "packages", name, "src")));
}

/** What it prints is shown when it fails: the rest is of no use to whoever only wants to start. */
async function npm(...args) {
  const cli = process.env["npm_execpath"];
  const printed = [];
  const options = { stdio: ["ignore", "pipe", "pipe"], onOutput: (bytes) => printed.push(bytes), env: environment() };
  const code = cli?.endsWith("js")
    ? await run(process.execPath, [cli, ...args], options)
    : await run("npm", args, { ...options, shell: process.platform === "win32" });
  if (code === 0) return;
  process.stderr.write(Buffer.concat(printed));
  say(`npm ${args.join(" ")} failed (exit code ${code}); its output above says why`);
  process.exit(code);
}

function environment() {
  return { TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1", ...process.env };
}

/**
 * Runs a command on this terminal and resolves with its exit code. A signal to us is passed on, and we wait for the
 * command's end, so that it is never left behind; then we exit as if the signal had ended us.
 */
export async function run(file, args, { onOutput, ...options } = {}) {
  const child = spawn(file, args, { cwd: ROOT, stdio: "inherit", ...options });
  child.stdout?.on("data", onOutput);
  child.stderr?.on("data", onOutput);
  let received;
  const forward = (signal) => {
    received = signal;
    child.kill(signal);
  };
  for (const signal of Object.keys(SIGNAL_NUMBERS)) process.on(signal, forward);
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(code ?? 128 + (SIGNAL_NUMBERS[signal] ?? 9)));
    });
  } finally {
    for (const signal of Object.keys(SIGNAL_NUMBERS)) process.off(signal, forward);
    if (received !== undefined) process.exit(128 + SIGNAL_NUMBERS[received]);
  }
}

function say(line) {
  console.error(`jobs: ${line}`);
}

function readOr(file, otherwise) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return otherwise;
  }
}

function readJson(file) {
  const text = readOr(file, "");
  return text === "" ? undefined : JSON.parse(text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await (process.argv[2] === "install" ? install() : prepare());
