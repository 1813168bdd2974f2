import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import koffi from "koffi";
import { afterEach, expect, onTestFailed, test, vi } from "vitest";
import { findProcess } from "./process-table.ts";
import { Pty, type PtyListener, type PtyProgram } from "./pty.ts";
import { limit } from "./testing/limit.ts";
import { shell, startOnPty, type Ended, type RunningOnPty } from "./testing/run-on-pty.ts";

const TIOCVHANGUP = 0x5437;
const PATH = process.env["PATH"]!;

afterEach(() => vi.useRealTimers());

test("a drain that is paused waits for the disk, however long that takes, and loses nothing", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const { pty, exited, ended } = startOnPty(shell("printf unread"));
  pty.pause();
  let isDrained = false;
  void ended.then(() => (isDrained = true));
  await exited;
  vi.advanceTimersByTime(60_000);
  await new Promise(setImmediate);
  expect(isDrained).toBe(false);
  pty.resume();
  expect((await ended).output).toBe("unread");
});

test("a drain whose time is over before anything could be read, as after a pause of the host, reads first", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const { pty, exited, ended } = startOnPty(shell("printf unread"));
  pty.pause();
  await exited;
  await delay(0); // to the turn of the timers, in which a watchdog rings
  pty.resume();
  vi.advanceTimersByTime(60_000);
  expect(await ended).toMatchObject({ output: "unread", isWhole: true });
});

test("what floods the terminal behind the last byte of a script does not keep its end back", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  // One write of all: until it is over nobody else can write.
  const script = "trap '' HUP; dd if=/dev/zero bs=64M count=1 & exec sleep 300";
  let isFlooding = false;
  const leader = await new Promise<number>((onDrained) => {
    const program = { ...shell(script), env: { PATH } };
    const onBytes = (): void => {
      if (!isFlooding) process.kill(pid, "SIGKILL");
      isFlooding = true;
    };
    const { pid } = Pty.spawn(program, { ...silent, onBytes, onDrained: () => onDrained(pid) }).leader;
  });
  process.kill(-leader, "SIGKILL");
});

test.skipIf(process.getuid?.() !== 0)(
  "the output of a leader whose terminal was hung up is not called whole",
  async () => {
    const script = "trap '' HUP; trap 'exit 3' USR1; printf before; kill -STOP $$; while :; do sleep 0.01; done";
    const { pty, ended } = startOnPty({ ...shell(script), env: { PATH } });
    const { pid } = pty.leader;
    onTestFailed(() => void process.kill(-pid, "SIGKILL"));
    await vi.waitFor(() => expect(stateOf(pid)).toBe("T"));
    const terminal = openSync(readlinkSync(`/proc/${pid}/fd/1`), constants.O_RDWR | constants.O_NOCTTY);
    koffi.load(null).func("int ioctl(int, unsigned long, ...)")(terminal, TIOCVHANGUP, "int", 0);
    closeSync(terminal);
    process.kill(pid, "SIGUSR1");
    expect(await ended).toEqual({ output: "before", isWhole: false, exit: { exitCode: 3 } });
  },
);

test("a process leads a session on a terminal of its own, and its input is at its end", async () => {
  const script = [
    "set -- $(sed 's/.*) //' /proc/$$/stat)",
    "echo parent $2 group $(($3 == $$)) session $(($4 == $$)) foreground $(($6 == $$))",
    "! read -r line && [ -t 1 ] && [ -t 2 ] && stty size </dev/tty",
    "ls -x /proc/$$/fd; readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2",
  ].join("\n");
  const { output, exit } = await run({ ...shell(script), env: { PATH }, columns: 77, rows: 33 });
  const lines = output.trim().split("\r\n");
  expect(lines[0]).toBe(`parent ${process.pid} group 1 session 1 foreground 1`);
  expect(lines[1]).toBe("33 77");
  expect(lines.slice(2, 4)).toEqual(["0  1  2", "/dev/null"]);
  expect(lines[4]).toMatch(/^\/dev\/pts\/\d+$/u);
  expect(lines[5]).toBe(lines[4]);
  expect(exit).toEqual({ exitCode: 0 });
});

test("a process gets the arguments, the environment and the folder that were meant for it, and no signal of ours", async () => {
  const directory = mkdtempSync(join(tmpdir(), "jobs-pty-"));
  const characters = Array.from({ length: 0x7ff }, (_, index) => String.fromCodePoint(index + 1)).join("");
  const env = { PATH, ALL: characters, EMPTY: "", "not-a-name": "1", WIDE: "日本語 🎉", LARGE: "x".repeat(100_000) };
  const before = process.cwd();
  // The shell reads its signals itself: it blocks all of them for a moment when it starts a program.
  const script = `cat /proc/$$/environ >environ; cat /proc/$$/cmdline >cmdline; readlink /proc/$$/cwd
    while read -r line; do case $line in SigBlk*|SigIgn*) echo "$line";; esac; done </proc/$$/status`;
  const args = ["called", "-c", script, "it's", "", characters];
  const { output } = await run({ ...shell(""), args, env, directory });
  expect(process.cwd()).toBe(before);
  const entries = readFileSync(join(directory, "environ"), "utf8").split("\0").slice(0, -1);
  expect(entries).toEqual(Object.entries(env).map(([name, value]) => `${name}=${value}`));
  const told = readFileSync(join(directory, "cmdline"), "utf8").split("\0").slice(0, -1);
  expect(told).toEqual(args);
  // SIGPIPE is ignored here. Those above 31 are the C library's own.
  expect(output).toMatch(/SigBlk:\s+0{16}\r\nSigIgn:\s+[0-9a-f]{8}[08]0{7}\r\n$/u);
  expect(output.split("\r\n")[0]).toBe(directory);
  rmSync(directory, { recursive: true });
});

test("a file that the kernel cannot execute is read by a shell, as a shell does it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "jobs-pty-"));
  const file = join(directory, "tool");
  writeFileSync(file, 'echo "$0 $*"; exit 3\n', { mode: 0o700 });
  const { output, exit } = await run({ ...shell(""), file, args: ["tool", "a", "b"], directory });
  expect(output).toBe(`${file} a b\r\n`);
  expect(exit).toEqual({ exitCode: 3 });
  rmSync(directory, { recursive: true });
});

test("how it ended is told by code or by signal", async () => {
  expect((await run(shell("exit 7"))).exit).toEqual({ exitCode: 7 });
  expect((await run(shell("exit 255"))).exit).toEqual({ exitCode: 255 });
  expect((await run(shell("kill -KILL $$"))).exit).toEqual({ signal: "SIGKILL" });
  // Its status says that a core was dumped, where that is allowed.
  expect((await run(shell("ulimit -c unlimited; kill -QUIT $$"))).exit).toEqual({ signal: "SIGQUIT" });
  // Its number has two names.
  expect((await run(shell("kill -6 $$"))).exit).toEqual({ signal: "SIGABRT" });
  expect((await run(shell("kill -34 $$"))).exit).toEqual({ signal: "SIG34" });
});

test("not one byte is lost of 200 kB printed directly before the exit", async () => {
  for (let round = 1; round <= 10; round += 1) {
    const script = "head -c 200000 /dev/zero | tr '\\0' x; printf '\\nend'; exit 5";
    const { output, exit } = await run({ ...shell(script), env: { PATH } });
    expect(output === `${"x".repeat(200_000)}\r\nend`).toBe(true);
    expect(exit).toEqual({ exitCode: 5 });
  }
});

test("a fault of whoever hears of one end keeps none of the others from being heard of", async () => {
  const faults: unknown[] = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException").on("uncaughtException", (error) => faults.push(error));
  const fail = (): never => {
    throw new Error("a fault");
  };
  const failing = Pty.spawn(shell("kill -STOP $$"), { ...silent, onLeaderExit: fail });
  const other = startOnPty(shell("kill -STOP $$"));
  const pids = [failing.leader.pid, other.pty.leader.pid];
  // One signal for both, as when they end at the same instant.
  const [reap] = process.listeners("SIGCHLD");
  process.off("SIGCHLD", reap!);
  for (const pid of pids) process.kill(pid, "SIGKILL");
  waitForAll(pids);
  process.on("SIGCHLD", reap!).emit("SIGCHLD", "SIGCHLD");
  expect((await other.ended).exit).toEqual({ signal: "SIGKILL" });
  expect(faults).toEqual([new Error("a fault")]);
  process.removeAllListeners("uncaughtException");
  for (const listener of listeners) process.on("uncaughtException", listener);
  failing.abandon();
});

test("of many that end at once each one's end is heard of", async () => {
  const many = Array.from({ length: 40 }, (_, index) =>
    startOnPty(shell(`trap 'exit ${index}' USR1; kill -STOP $$; :`)),
  );
  for (const { pty } of many) await vi.waitFor(() => expect(stateOf(pty.leader.pid)).toBe("T"), { timeout: 10_000 });
  // They end while nobody here can listen.
  for (const { pty } of many) process.kill(pty.leader.pid, "SIGUSR1");
  for (const { pty } of many) process.kill(pty.leader.pid, "SIGCONT");
  waitForAll(many.map(({ pty }) => pty.leader.pid));
  const ends = await Promise.all(many.map(async ({ ended }) => (await ended).exit));
  expect(ends).toEqual(many.map((_, exitCode) => ({ exitCode })));
});

test.each([
  ["no such file", { file: "/no/such/file" }, "ENOENT"],
  ["what is no program", { file: "/etc/passwd" }, "EACCES"],
  ["a folder that is not there", { directory: "/no/such/folder" }, "ENOENT"],
  ["more than the kernel takes", { env: { LARGE: "x".repeat(3_000_000) } }, "E2BIG"],
  ["a NUL in a variable", { env: { NUL: "a\0b" } }, undefined],
  ["a NUL in an argument", { args: ["sh", "a\0b"] }, undefined],
])("%s is an error, and leaves nothing behind", async (_, part, code) => {
  const [before, children] = [openDescriptors(), countChildren()];
  const attempt = (): Pty => Pty.spawn({ ...shell("true"), ...part }, silent);
  if (code === undefined) expect(attempt).toThrow("NUL");
  else expect(attempt).toThrow(expect.objectContaining({ code }));
  await vi.waitFor(() => expect(openDescriptors()).toEqual(before));
  expect(countChildren()).toBe(children);
});

test("a host with too few descriptors left starts nothing, and leaves nothing behind", async () => {
  const gaps = [openSync("/dev/null", "r")];
  // The look itself has one, the next.
  while (gaps.at(-1)! + 1 < Math.max(...openDescriptors())) gaps.push(openSync("/dev/null", "r"));
  const first = gaps.at(-1)! + 1;
  const [before, children] = [openDescriptors(), countChildren()];
  const codes: unknown[] = [];
  for (let room = 0; room < 10 && codes.at(-1) !== "started"; room += 1) {
    let pty: Pty | undefined;
    try {
      using _ = limit("descriptors", first + room);
      pty = Pty.spawn(shell("kill -STOP $$"), silent);
      codes.push("started");
    } catch (error) {
      codes.push((error as NodeJS.ErrnoException).code);
    }
    if (pty === undefined) {
      await vi.waitFor(() => expect(openDescriptors()).toEqual(before));
      expect(countChildren()).toBe(children);
    } else process.kill(pty.leader.pid, "SIGKILL");
  }
  expect(codes).toEqual(["EMFILE", "EMFILE", "started"]);
  for (const gap of gaps) closeSync(gap);
});

test("scripts that overlap without an end take no more and more descriptors, and inherit none", async () => {
  const lowest = startOnPty(shell("kill -STOP $$"));
  let before = startOnPty(shell("kill -STOP $$"));
  const highest = Math.max(...openDescriptors());
  for (let count = 0; count < 200; count += 1) {
    const next = startOnPty(shell("kill -STOP $$"));
    await kill(before);
    before = next;
  }
  expect((await run({ ...shell("ls -x /proc/$$/fd; :"), env: { PATH } })).output).toBe("0  1  2\r\n");
  expect(Math.max(...openDescriptors())).toBeLessThan(highest + 20);
  await kill(before);
  await kill(lowest);
}, 60_000);

const ignore = (): void => undefined;
const silent: PtyListener = { onBytes: ignore, onLeaderExit: ignore, onDrained: ignore };

async function run(program: PtyProgram): Promise<Ended> {
  return startOnPty(program).ended;
}

async function kill({ pty, ended }: RunningOnPty): Promise<void> {
  process.kill(pty.leader.pid, "SIGKILL");
  expect((await ended).exit).toEqual({ signal: "SIGKILL" });
  expect(findProcess(pty.leader.pid)?.startTicks).not.toBe(pty.leader.startTicks);
}

/** The kernel's letter for what a process does: T stopped, Z ended but not reaped. */
function stateOf(pid: number): string | undefined {
  return /\) (\w)/u.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
}

/** Until all have ended, in one turn, so that nobody here hears of it meanwhile. */
function waitForAll(pids: readonly number[]): void {
  const giveUpAt = performance.now() + 10_000;
  while (pids.some((pid) => stateOf(pid) !== "Z")) expect(performance.now()).toBeLessThan(giveUpAt);
}

function openDescriptors(): readonly number[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .toSorted((a, b) => a - b);
}

function countChildren(): number {
  return readFileSync("/proc/thread-self/children", "utf8").split(" ").filter(Boolean).length;
}
