import { createServer, type Server } from "node:net";
import { stateDirHash } from "./socket-path.ts";

/**
 * Makes this process the only supervisor of a state directory, until it ends, however it ends.
 *
 * The lock is an abstract unix socket: the kernel frees the name at the very moment the process is gone, so there is
 * nothing stale to judge after a `kill -9`. (A lock file would need just that judgement, and races in it.)
 *
 * @returns the lock, or undefined when another supervisor has it
 */
export async function takeStateLock(stateDir: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(`\0jobs-supervisor-${stateDirHash(stateDir)}`, () => resolve(server));
  });
}
