import { createHash } from "node:crypto";
import { lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** `sun_path` holds 108 bytes; beyond that Node binds a cut-off name without a word. */
const LONGEST_SOCKET_PATH_BYTES = 100;

/** A short name for a state directory: the same for everybody who resolves it to the same absolute path. */
export function stateDirHash(stateDir: string): string {
  return createHash("sha256").update(resolve(stateDir)).digest("hex").slice(0, 24);
}

/**
 * Where the supervisor of this state directory listens. When the path would be too long for a socket, it is in a
 * private directory under the temporary folder, which is made here.
 *
 * @throws when that directory belongs to somebody else: whoever owns it could answer in the supervisor's place.
 */
export function supervisorSocketPath(stateDir: string): string {
  const path = join(resolve(stateDir), "supervisor.sock");
  if (Buffer.byteLength(path) < LONGEST_SOCKET_PATH_BYTES) return path;
  const directory = join(tmpdir(), `jobs-${stateDirHash(stateDir)}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const stat = lstatSync(directory);
  const isPrivate = stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0;
  if (!isPrivate) throw new Error(`${directory} is not a private directory of this user: remove it`);
  return join(directory, "supervisor.sock");
}
