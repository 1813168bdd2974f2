import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
/**
 * A small process that reads scripts as `bash -n` does. The server hands it file names: to start a shell from the
 * server itself would copy a large process each time and hold up everything else (5 ms measured; from here 1.5).
 */
import { JobsError, type Service } from "@jobs/core";

/**
 * Reads "<shell> <file>" lines; answers each with the shell's complaints, then a line with the mark and its exit code.
 * When nobody writes any more it removes the folder: the server was killed, and whatever killed it may ask this to end, too.
 */
const LOOP = `trap '' PIPE TERM INT HUP; while read -r shell file; do "$shell" -n "$file" 2>&1; echo "$0 $?"; done; rm -rf -- "$1"`;
/** Exit code of a command that does not exist. */
const NOT_FOUND = 127;
/** For how long a shell may check one script, milliseconds: twice that is what the SDK waits for an answer. */
const LIMIT_MS = 5_000;
const MESSAGE_MAX_LENGTH = 2_000;

export class ShellChecker implements Service {
  readonly #mark = randomUUID();
  #directory: Promise<string> | undefined;
  #child: ChildProcess | undefined;
  #heard: string[] = [];
  #answer: ((exitCode: number, complaint: string) => void) | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #count = 0;
  #isStopped = false;

  start(): Promise<void> {
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#child?.kill("SIGKILL");
    if (this.#directory !== undefined) await rm(await this.#directory, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * The shell's own words about a script that it cannot read; undefined when it can, or when there is no such shell.
   * Throws `no-deciding-server` when no shell answers.
   */
  findFault(script: string, shell: string): Promise<string | undefined> {
    const checked = this.#turn.then(() => this.#check(script, shell));
    this.#turn = checked.catch(() => undefined); // whoever asked hears of it
    return checked;
  }

  async #check(script: string, shell: string): Promise<string | undefined> {
    this.#directory ??= mkdtemp(join(tmpdir(), "jobs-syntax-"));
    const directory = await this.#directory;
    const file = join(directory, String(this.#count++));
    await writeFile(file, script, { mode: 0o600 });
    try {
      const { exitCode, complaint } = await this.#askTwice(`${shell} ${file}`, directory);
      if (exitCode === 0 || exitCode === NOT_FOUND) return undefined;
      return complaint.replaceAll(file, "script").slice(0, MESSAGE_MAX_LENGTH);
    } finally {
      await rm(file, { force: true });
    }
  }

  /** A shell may be gone, or its answer be there but unread when a server that was stopped goes on: a new one is asked, once. */
  async #askTwice(line: string, directory: string): Promise<{ exitCode: number; complaint: string }> {
    try {
      return await this.#ask(line, directory);
    } catch (error) {
      if (this.#isStopped) throw error;
      return this.#ask(line, directory);
    }
  }

  #ask(line: string, directory: string): Promise<{ exitCode: number; complaint: string }> {
    return new Promise((resolve, reject) => {
      const child = this.#child ?? this.#spawn(directory);
      const fail = (): void => {
        clearTimeout(limit);
        child.off("close", fail);
        child.kill("SIGKILL");
        this.#forget(child);
        const message = "The script cannot be checked just now, the server's shell does not answer: try again.";
        reject(new JobsError("no-deciding-server", message));
      };
      const limit = setTimeout(fail, LIMIT_MS);
      child.once("close", fail);
      this.#answer = (exitCode, complaint) => {
        clearTimeout(limit);
        child.off("close", fail);
        resolve({ exitCode, complaint });
      };
      child.stdin?.write(`${line}\n`);
    });
  }

  #spawn(directory: string): ChildProcess {
    const child = spawn("sh", ["-c", LOOP, this.#mark, directory], { stdio: ["pipe", "pipe", "ignore"] });
    child.on("error", () => undefined); // "close" follows
    child.on("close", () => this.#forget(child));
    child.stdin.on("error", () => undefined);
    child.unref();
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (this.#child === child) this.#hear(line);
    });
    this.#child = child;
    this.#heard = [];
    return child;
  }

  #forget(child: ChildProcess): void {
    if (this.#child === child) this.#child = undefined;
  }

  #hear(line: string): void {
    if (!line.startsWith(`${this.#mark} `)) {
      this.#heard.push(line);
      return;
    }
    const complaint = this.#heard.join("\n");
    this.#heard = [];
    this.#answer?.(Number(line.slice(this.#mark.length + 1)), complaint);
  }
}
