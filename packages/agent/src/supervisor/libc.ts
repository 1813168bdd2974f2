import { constants, readdirSync } from "node:fs";
import { constants as osConstants } from "node:os";
import koffi from "koffi";

/** Numbers of Linux on x64 and arm64, the same in glibc and musl. */
const O_CLOEXEC = 0o2000000;
const TIOCSWINSZ = 0x5414;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
const WNOHANG = 1;
const PR_SET_CHILD_SUBREAPER = 36;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** More than either library takes for `posix_spawnattr_t`, `posix_spawn_file_actions_t` or `sigset_t`: 336 bytes. */
const STRUCT_BYTES = 1_024;

/** Some numbers have a second name, later in the alphabet. */
const ERROR_NAMES = new Map(
  Object.entries(osConstants.errno)
    .toReversed()
    .map(([name, errno]) => [errno, name]),
);

const libc = koffi.load(null);
const posixOpenpt = define<[flags: number]>("int posix_openpt(int)");
const grantpt = define<[fd: number]>("int grantpt(int)");
const unlockpt = define<[fd: number]>("int unlockpt(int)");
const ptsnameR = define<[fd: number, name: Buffer, length: number]>("int ptsname_r(int, void *, size_t)");
const ioctl = define<[fd: number, request: number, type: "void *", argument: Uint16Array]>(
  "int ioctl(int, unsigned long, ...)",
);
const fcntl = define<[fd: number, command: number, type: "int", argument: number]>("int fcntl(int, int, ...)");
const close = define<[fd: number]>("int close(int)");
const waitpid = define<[pid: number, status: [number], options: number]>("int waitpid(int, _Out_ int *, int)");
const prctl = define<[option: number, type: "unsigned long", argument: number]>("int prctl(int, ...)");
const strerror = define<[errno: number], string>("const char *strerror(int)");
const sigemptyset = define<[set: Buffer]>("int sigemptyset(void *)");
const sigfillset = define<[set: Buffer]>("int sigfillset(void *)");
const attributesInit = define<[attributes: Buffer]>("int posix_spawnattr_init(void *)");
const setFlags = define<[attributes: Buffer, flags: number]>("int posix_spawnattr_setflags(void *, short)");
const setDefaultSignals = define<[attributes: Buffer, set: Buffer]>(
  "int posix_spawnattr_setsigdefault(void *, const void *)",
);
const setSignalMask = define<[attributes: Buffer, set: Buffer]>("int posix_spawnattr_setsigmask(void *, const void *)");
const actionsInit = define<[actions: Buffer]>("int posix_spawn_file_actions_init(void *)");
const actionsDestroy = define<[actions: Buffer]>("int posix_spawn_file_actions_destroy(void *)");
const addOpen = define<[actions: Buffer, fd: number, path: string, flags: number, mode: number]>(
  "int posix_spawn_file_actions_addopen(void *, int, const char *, int, unsigned int)",
);
const addDup2 = define<[actions: Buffer, fd: number, target: number]>(
  "int posix_spawn_file_actions_adddup2(void *, int, int)",
);
const posixSpawn = define<
  [pid: [number], file: string, actions: Buffer, attributes: Buffer, args: CStrings, env: CStrings]
>("int posix_spawn(_Out_ int *, const char *, void *, void *, const char **, const char **)");

/** Ends with null. */
type CStrings = readonly (string | null)[];

// Whatever this process was started with stays here; what Node opens stays here anyway.
for (const fd of readdirSync("/proc/self/fd").map(Number)) if (fd > 2) fcntl(fd, F_SETFD, "int", FD_CLOEXEC);

/** A session of its own, no signal blocked or ignored. */
const attributes = makeAttributes();

/**
 * Opens a pty of this size. Its descriptor is closed in whatever this process executes.
 *
 * @returns the descriptor of the master, and the path of the terminal
 * @throws when the host has no pty or no descriptor left
 */
export function openPty(columns: number, rows: number): { readonly master: number; readonly terminalPath: string } {
  const master = posixOpenpt(constants.O_RDWR | constants.O_NOCTTY | O_CLOEXEC);
  if (master < 0) throw systemError("posix_openpt", koffi.errno());
  const name = Buffer.alloc(64);
  const isOpen =
    grantpt(master) === 0 &&
    unlockpt(master) === 0 &&
    ioctl(master, TIOCSWINSZ, "void *", Uint16Array.of(rows, columns, 0, 0)) === 0 &&
    ptsnameR(master, name, name.length) === 0;
  if (isOpen) return { master, terminalPath: name.toString("utf8", 0, name.indexOf(0)) };
  const errno = koffi.errno();
  close(master);
  throw systemError("pty", errno);
}

export interface Program {
  readonly file: string;
  /** All of them, the name it is called by first. */
  readonly args: readonly string[];
  /** The whole of it. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Executes a program as leader of a new session whose terminal this is: output goes there, input is at its end. Nothing
 * is copied of this process (`vfork`), so the time that takes does not grow with its memory.
 *
 * @returns its process number; it is a child of this process, and somebody has to `reap` it
 * @throws when it cannot be executed: then there is no process
 */
export function spawnOnTerminal({ file, args, env }: Program, terminalPath: string): number {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  // C would take what is before it for the whole.
  if ([file, ...args, ...variables].some((text) => text.includes("\0"))) {
    throw new Error("a NUL in an argument or a variable");
  }
  const actions = Buffer.alloc(STRUCT_BYTES);
  const pid: [number] = [0];
  check("posix_spawn_file_actions_init", actionsInit(actions));
  try {
    // The first terminal that the leader of a session opens becomes that of the session.
    check("addopen", addOpen(actions, 1, terminalPath, constants.O_RDWR, 0));
    check("adddup2", addDup2(actions, 1, 2));
    check("addopen", addOpen(actions, 0, "/dev/null", constants.O_RDONLY, 0));
    check(`posix_spawn ${file}`, posixSpawn(pid, file, actions, attributes, [...args, null], [...variables, null]));
  } finally {
    actionsDestroy(actions);
  }
  return pid[0];
}

/**
 * The wait status of a child that has ended, once: its number is free from then on. Undefined while it runs, null when
 * there is no such child: somebody else has taken its status.
 */
export function reap(pid: number): number | undefined | null {
  const status: [number] = [0];
  const reaped = waitpid(pid, status, WNOHANG);
  if (reaped === 0) return undefined;
  return reaped === pid ? status[0] : null;
}

/** As {@link reap}, of whatever child has ended; undefined when none has that was not reaped, null when there is no child. */
export function reapAny(): { readonly pid: number; readonly status: number } | undefined | null {
  const status: [number] = [0];
  const pid = waitpid(-1, status, WNOHANG);
  if (pid === 0) return undefined;
  return pid > 0 ? { pid, status: status[0] } : null;
}

/** Makes this process the parent of every descendant whose own parent ends; false on a kernel that cannot. */
export function adoptOrphansOfAll(): boolean {
  return prctl(PR_SET_CHILD_SUBREAPER, "unsigned long", 1) === 0;
}

function define<Args extends readonly unknown[], Result = number>(prototype: string): (...args: Args) => Result {
  return libc.func(prototype) as (...args: Args) => Result;
}

function makeAttributes(): Buffer {
  const made = Buffer.alloc(STRUCT_BYTES);
  const set = Buffer.alloc(STRUCT_BYTES);
  check("posix_spawnattr_init", attributesInit(made));
  sigfillset(set);
  check("setsigdefault", setDefaultSignals(made, set));
  sigemptyset(set);
  check("setsigmask", setSignalMask(made, set));
  check("setflags", setFlags(made, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID));
  return made;
}

function check(call: string, errno: number): void {
  if (errno !== 0) throw systemError(call, errno);
}

function systemError(call: string, errno: number): Error {
  const code = ERROR_NAMES.get(errno) ?? `errno ${errno}`;
  return Object.assign(new Error(`${code}: ${strerror(errno)}, ${call}`), { code });
}
