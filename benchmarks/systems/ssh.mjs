// @ts-check
/** OpenSSH: `ssh host 'bash -s'`, the script on its input; a new connection each time, or one that all share. */
import { execFile, spawn } from "node:child_process";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { findPids } from "../processes.mjs";
import { onCleanUp, startProcess } from "../resources.mjs";
import { findProgram, freePort } from "./install.mjs";

/** @import { FirstByte, StartOptions, System } from "../words.d.ts" */

const HOST = "bench";
const POLL_MS = 20;

/**
 * @param {StartOptions} options
 * @param {"cold" | "ControlMaster"} kind
 * @returns {Promise<System>}
 */
export async function startSsh({ directory, say }, kind) {
  const file = await findProgram("sshd", { debian: "openssh-server", say });
  await findProgram("ssh", { debian: "openssh-client", say });
  const folder = join(directory, `ssh-${kind}`);
  await mkdir(folder, { mode: 0o700 });
  const config = await configure(folder, kind);
  // Where sshd drops its rights; a service would make it.
  if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  const sshd = startProcess(file, ["-D", "-e", "-f", join(folder, "sshd_config")]);
  await sshd.printed(/Server listening on/);
  const endMaster = kind === "cold" ? () => Promise.resolve() : await startMaster(config);
  const { stderr } = await promisify(execFile)("ssh", ["-V"]);
  return {
    peer: `ssh (${kind})`,
    version: stderr.trim(),
    lineEnd: "\n",
    remembersScripts: false,
    firstByte: (script) => firstByte(config, script),
    logWays: [{ read: (script, onBytes) => runScript(config, script, onBytes).then(() => undefined) }],
    processes: async () => [
      { name: "sshd", pid: sshd.pid },
      ...(await findPids(["-F", config, "-N"])).map((pid) => ({ name: "ssh master", pid })),
    ],
    stop: async () => {
      await endMaster();
      await sshd.stop();
    },
  };
}

/**
 * @param {string} folder
 * @param {"cold" | "ControlMaster"} kind
 */
async function configure(folder, kind) {
  const port = await freePort();
  for (const key of ["host", "key"]) {
    await promisify(execFile)("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, key)]);
  }
  await copyFile(join(folder, "key.pub"), join(folder, "authorized"));
  const server = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${folder}/host`,
    `AuthorizedKeysFile ${folder}/authorized`,
    "PermitRootLogin prohibit-password",
    "StrictModes no",
    "UsePAM no",
    "UseDNS no",
    "PidFile none",
    // The account's own .bashrc must not count.
    `SetEnv HOME=${folder}`,
  ];
  const client = [
    `Host ${HOST}`,
    "HostName 127.0.0.1",
    `Port ${port}`,
    `User ${userInfo().username}`,
    `IdentityFile ${folder}/key`,
    "IdentitiesOnly yes",
    "StrictHostKeyChecking no",
    `UserKnownHostsFile ${folder}/known`,
    "LogLevel ERROR",
    "BatchMode yes",
    ...(kind === "cold" ? [] : [`ControlPath ${folder}/master`]),
  ];
  await writeFile(join(folder, "sshd_config"), `${server.join("\n")}\n`);
  const config = join(folder, "ssh_config");
  await writeFile(config, `${client.join("\n")}\n`);
  return config;
}

/** @param {string} config */
async function startMaster(config) {
  const master = startProcess("ssh", ["-F", config, "-N", "-M", HOST]);
  const isUp = () =>
    promisify(execFile)("ssh", ["-F", config, "-O", "check", HOST]).then(
      () => true,
      () => false,
    );
  for (let tries = 0; !(await isUp()); tries++) {
    if (tries === 250) throw new Error("ssh cannot log in to its own sshd");
    await delay(POLL_MS);
  }
  onCleanUp(master.stop);
  return master.stop;
}

/**
 * @param {string} config
 * @param {string} script
 * @returns {Promise<FirstByte>}
 */
async function firstByte(config, script) {
  const started = performance.now();
  let firstMs = Number.NaN;
  let text = "";
  await runScript(config, `${script}\n`, (bytes) => {
    if (text === "") firstMs = performance.now() - started;
    text += bytes.toString();
  });
  return { firstMs, text };
}

/**
 * @param {string} config
 * @param {string} script
 * @param {(bytes: Buffer) => void} onBytes
 */
async function runScript(config, script, onBytes) {
  const child = spawn("ssh", ["-F", config, HOST, "bash -s"], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdout.on("data", onBytes);
  child.stdin.end(script);
  const code = await new Promise((resolve, reject) => child.once("close", resolve).once("error", reject));
  if (code !== 0) throw new Error(`ssh ended with code ${code}`);
}
