import { readFileSync, rmSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ProcessTree } from "./containment.ts";
import { findProcess } from "./process-table.ts";
import type { LeaderExit, PtySize } from "./pty.ts";
import type { ScriptCommand } from "./shell-handover.ts";
import { findShells } from "./testing/find-shells.ts";
import { processGone } from "./testing/supervised-host.ts";
import { WarmShell, type StartedScript } from "./warm-shell.ts";

const PATH = process.env["PATH"]!;
const SIZE = { columns: 160, rows: 100 };

test("a script is started in a shell that waited as in any other", async () => {
  await using fixture = await ShellFixture.open();
  const script = [
    "tr '\\0' '\\n' </proc/$$/environ | sort; umask; ulimit -a; stty -a; readlink /proc/$$/cwd /proc/$$/exe",
    "grep -E '^(Sig(Blk|Ign|Cgt)|NoNewPrivs|Cpus_allowed):' /proc/$$/status",
    // Its descriptors, but for the number of its terminal; and that it leads session, group and terminal.
    "for fd in /proc/$$/fd/*; do path=$(readlink $fd); [ ! -e $fd ] || echo ${fd##*/} ${path%/pts/*}; done",
    "set -- $(sed 's/.*) //' /proc/$$/stat); echo $(($3 == $$)) $(($4 == $$)) $(($6 == $$)) $(($2 == $PPID))",
    "tr '\\0' ' ' </proc/$$/cmdline; ! read -r line && [ -t 1 ] && [ -t 2 ] && stty size </dev/tty",
  ].join("\n");
  const command = await fixture.command(script, { PATH, TERM: "xterm", EMPTY: "", LC_ALL: "C.UTF-8" });
  const warm = await fixture.runWarm(command);
  expect(warm.exit).toEqual({ exitCode: 0 });
  expect(await fixture.runCold(command)).toEqual(warm);
  expect(warm.output).toMatch(/^TERM=xterm\r$/mu);
  expect(warm.output).toMatch(/^1 1 1 1\r$/mu);
});

test("a folder is named to a script as the kernel names it", async () => {
  await using fixture = await ShellFixture.open();
  const command = await fixture.command("echo $PWD; printenv OLDPWD || pwd");
  const link = join(fixture.stateDir, "link");
  await symlink(command.directory, link);
  const real = await realpath(command.directory);
  expect((await fixture.runWarm({ ...command, directory: link })).output).toBe(`${real}\r\n${real}\r\n`);
});

test("values arrive as they are, whatever is in them", async () => {
  await using fixture = await ShellFixture.open();
  const characters = Array.from({ length: 0x7ff }, (_, index) => String.fromCodePoint(index + 1)).join("");
  const env = {
    ALL: characters,
    QUOTES: `it's "$(touch oops)" \`touch oops\` \\' '' '`,
    LINES: "\n}\nexit 3\n\r\n",
    TILDE: "~:~/x",
    WIDE: "日本語 🎉",
    set: "-x",
    fifo: "x",
  };
  const command = await fixture.command("cat /proc/$$/environ >environ; ls", { PATH, ...env });
  expect(await fixture.runWarm(command)).toEqual({ output: "environ\r\n", exit: { exitCode: 0 } });
  const entries = readFileSync(join(command.directory, "environ"), "utf8").split("\0");
  expect(entries).toEqual(expect.arrayContaining(Object.entries(env).map(([name, value]) => `${name}=${value}`)));
});

test("an interpreter of several words is called with all of them", async () => {
  await using fixture = await ShellFixture.open();
  const command = await fixture.command("false; echo not here");
  const interpreter = ["/usr/bin/env", "A=it's here", "bash", "-e"];
  expect(await fixture.runWarm({ ...command, interpreter })).toEqual({ output: "", exit: { exitCode: 1 } });
});

test("what cannot be executed or entered ends as it does in any other shell", async () => {
  await using fixture = await ShellFixture.open();
  const command = await fixture.command("");
  const missing = { ...command, interpreter: ["no-such-program"] };
  const warm = await fixture.runWarm(missing);
  expect(warm.exit).toEqual({ exitCode: 127 });
  expect(await fixture.runCold(missing)).toEqual(warm);
  const forbidden = { ...command, interpreter: ["/etc/passwd"] };
  expect((await fixture.runWarm(forbidden)).exit).toEqual({ exitCode: 126 });
  const homeless = { ...command, directory: "/no/such/folder" };
  expect((await fixture.runWarm(homeless)).exit).toEqual((await fixture.runCold(homeless)).exit);
});

test.each([
  ["a name that no shell exports", { "a-b": "1" }],
  ["a name that means something to the shell", { PWD: "/nowhere", IFS: "x" }],
  ["more than a FIFO holds", { LARGE: "x".repeat(70_000) }],
  ["a NUL", { NUL: "a\0b" }],
])("%s does not go through the waiting shell", async (_, env) => {
  await using fixture = await ShellFixture.open();
  await fixture.runWarm(await fixture.command("true"));
  await fixture.waiting();
  const command = await fixture.command("tr '\\0' '\\n' </proc/$$/environ | sort | md5sum", { PATH, ...env });
  const { started, ended } = fixture.start(command);
  expect(isWarm(started)).toBe(false);
  expect((await ended).exit).toEqual({ exitCode: 0 });
});

test("not one byte is lost of 200 kB printed directly before the exit", async () => {
  await using fixture = await ShellFixture.open();
  const command = await fixture.command("head -c 200000 /dev/zero | tr '\\0' x; printf '\\nend'; exit 5");
  for (let round = 1; round <= 10; round += 1) {
    const { output, exit } = await fixture.runWarm(command);
    expect(output === `${"x".repeat(200_000)}\r\nend`).toBe(true);
    expect(exit).toEqual({ exitCode: 5 });
  }
});

test("of two starts at once only one gets the shell that waits, and both run", async () => {
  await using fixture = await ShellFixture.open();
  const command = await fixture.command("echo $$");
  for (;;) {
    await fixture.waiting();
    const both = [fixture.start(command), fixture.start(command)];
    for (const { started, ended } of both) {
      expect(await ended).toEqual({ output: `${started.pty.leader.pid}\r\n`, exit: { exitCode: 0 } });
    }
    const warmCount = both.filter(({ started }) => isWarm(started)).length;
    expect(warmCount).toBeLessThan(2);
    if (warmCount === 1) break;
  }
});

test("a terminal of another size is not the one that waits, but the next one will be", async () => {
  await using fixture = await ShellFixture.open();
  const command = await fixture.command("stty size </dev/tty");
  await fixture.runWarm(command);
  await fixture.waiting();
  const size = { columns: 77, rows: 33 };
  const { started, ended } = fixture.start(command, size);
  expect(isWarm(started)).toBe(false);
  expect((await ended).output).toBe("33 77\r\n");
  expect((await fixture.runWarm(command, size)).output).toBe("33 77\r\n");
});

test("a script is ended the moment it was handed over, and its start is its shell's own", async () => {
  await using fixture = await ShellFixture.open();
  const command = await fixture.command("sleep 300 & sleep 300");
  for (;;) {
    await fixture.waiting();
    const [shell] = findShells(fixture.stateDir);
    const { started, ended } = fixture.start(command);
    const { leader } = started.pty;
    expect(leader).toEqual({ pid: leader.pid, startTicks: findProcess(leader.pid)?.startTicks });
    const options = { leader, lowestPid: started.lowestPid, knowsSession: true, marker: ["JOBS_ATTEMPT=run.1"] };
    expect(await new ProcessTree(options).end(5_000)).toEqual([]);
    expect(await ended).toEqual({ output: "", exit: { signal: "SIGTERM" } });
    if (!isWarm(started)) continue;
    expect(leader.pid).toBe(shell);
    break;
  }
});

test("a shell that died while it waited is missed by nobody", async () => {
  await using fixture = await ShellFixture.open();
  const command = await fixture.command("echo hello");
  await fixture.runWarm(command);
  const dying = await fixture.waiting();
  process.kill(dying, "SIGKILL");
  await processGone(dying);
  const { started, ended } = fixture.start(command);
  expect(started.pty.leader.pid).not.toBe(dying);
  expect((await ended).output).toBe("hello\r\n");
  expect((await fixture.runWarm(command)).output).toBe("hello\r\n");
});

test("a host where no shell can wait starts scripts all the same, and tries a few times only", async () => {
  await using fixture = await ShellFixture.open();
  rmSync(join(fixture.stateDir, "shells"), { recursive: true });
  while (fixture.failures.length < 3) await fixture.nextFailure();
  const command = await fixture.command("echo hello");
  for (let round = 1; round <= 3; round += 1) {
    expect((await fixture.start(command).ended).output).toBe("hello\r\n");
  }
  expect(fixture.failures).toHaveLength(3);
  expect(fixture.failures[0]).toContain("mkfifo");
});

test("a stop ends the shell that waits, and no script", async () => {
  await using fixture = await ShellFixture.open();
  const { started, ended } = fixture.start(await fixture.command("read -r line </dev/tty; echo bye"));
  const pid = await fixture.waiting(started.pty.leader.pid);
  await fixture.shell.stop();
  expect(findProcess(pid)).toBeUndefined();
  expect(findShells(fixture.stateDir)).toEqual([]);
  expect(findProcess(started.pty.leader.pid)).toBeDefined();
  process.kill(-started.pty.leader.pid, "SIGTERM");
  await ended;
});

interface EndedScript {
  readonly output: string;
  readonly exit: LeaderExit;
}

interface RunningScript {
  readonly started: StartedScript;
  readonly ended: Promise<EndedScript>;
}

/** A warm shell on a state folder of its own. */
class ShellFixture {
  readonly stateDir: string;
  readonly shell: WarmShell;
  readonly failures: string[] = [];
  readonly #cold: WarmShell;
  #onFailure: () => void = () => undefined;

  private constructor(stateDir: string) {
    this.stateDir = stateDir;
    const log = (message: string): void => {
      this.failures.push(message);
      this.#onFailure();
    };
    this.shell = new WarmShell({ stateDir, log, refillMs: 0 });
    this.#cold = new WarmShell({ stateDir, log });
  }

  static async open(): Promise<ShellFixture> {
    const fixture = new ShellFixture(await mkdtemp(join(tmpdir(), "jobs-shell-")));
    await mkdir(join(fixture.stateDir, "work"));
    await fixture.shell.start();
    return fixture;
  }

  async command(script: string, env: Readonly<Record<string, string>> = { PATH }): Promise<ScriptCommand> {
    const scriptPath = join(this.stateDir, "script");
    await writeFile(scriptPath, `${script}\n`);
    return { interpreter: ["bash"], scriptPath, env, directory: join(this.stateDir, "work") };
  }

  start(command: ScriptCommand, size: PtySize = SIZE, shell = this.shell): RunningScript {
    const chunks: Buffer[] = [];
    let exit: LeaderExit = {};
    let onDrained!: () => void;
    const drained = new Promise<void>((resolve) => (onDrained = resolve));
    const started = shell.startScript(command, size, {
      onBytes: (bytes) => chunks.push(bytes),
      onLeaderExit: (leaderExit) => (exit = leaderExit),
      onDrained,
    });
    return { started, ended: drained.then(() => ({ output: Buffer.concat(chunks).toString(), exit })) };
  }

  async runCold(command: ScriptCommand): Promise<EndedScript> {
    return this.start(command, SIZE, this.#cold).ended;
  }

  /** Runs it until it met a shell that waited. */
  async runWarm(command: ScriptCommand, size: PtySize = SIZE): Promise<EndedScript> {
    for (;;) {
      await this.waiting();
      const { started, ended } = this.start(command, size);
      const result = await ended;
      if (isWarm(started)) return result;
    }
  }

  /** Resolves to the process id of the next shell once it is there; it may still be loading. */
  async waiting(handedOver?: number): Promise<number> {
    for (;;) {
      const pid = findShells(this.stateDir).find((found) => found !== handedOver);
      if (pid !== undefined) return pid;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async nextFailure(): Promise<void> {
    return new Promise((resolve) => (this.#onFailure = resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shell.stop();
    await rm(this.stateDir, { recursive: true });
  }
}

function isWarm({ pty, lowestPid }: StartedScript): boolean {
  return lowestPid !== pty.leader.pid;
}
