// @ts-check
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { cpus, homedir, loadavg, release, totalmem, type } from "node:os";
import { promisify } from "node:util";
import { defaultCacheDir, findNatsServer } from "@jobs/core/nats-server";

/** @import { Machine } from "./words.d.ts" */

/**
 * @param {string} directory where everything is stored
 * @returns {Promise<Machine>}
 */
export async function describeMachine(directory) {
  const nats = await findNatsServer({
    cacheDir: defaultCacheDir(process.env, homedir()),
    path: process.env["PATH"] ?? "",
    log: (line) => console.error(line),
  });
  return {
    at: new Date().toISOString(),
    node: process.versions.node,
    natsServer: nats.version,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryMB: Math.round(totalmem() / 1e6),
    os: await osName(),
    kernel: release(),
    fileSystem: await fileSystemOf(directory),
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}

async function osName() {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] ?? type();
}

/** @param {string} directory */
async function fileSystemOf(directory) {
  try {
    const { stdout } = await promisify(execFile)("df", ["--output=fstype", directory]);
    return stdout.trim().split("\n").at(-1) ?? "unknown";
  } catch {
    return "unknown";
  }
}
