import { hash } from "node:crypto";
import { basename } from "node:path";
import { JobsError } from "@jobs/core";
import type { ShellChecker } from "./shell-checker.ts";

const SHELLS: ReadonlySet<string> = new Set(["bash", "sh", "dash"]);
/** Texts that passed are remembered, this many; a long one by its hash. */
const REMEMBERED = 10_000;
const SHORT_LENGTH = 1_000;
/** A shell takes the CR for a part of the last word, `then` for another word, and speaks of the end of the file. */
const LINE_END_ADVICE = ". Its lines end in CR LF, as on Windows, which may be why: save it with LF.";

/** Checks shell scripts as `bash -n` does, each text once. Where this host has no such shell, nothing is checked. */
export class ShellSyntax {
  readonly #checker: ShellChecker;
  readonly #passed = new Set<string>();
  /** Many submissions of one text may come at once. */
  readonly #underWay = new Map<string, Promise<string | undefined>>();

  constructor(checker: ShellChecker) {
    this.#checker = checker;
  }

  /** Throws `script-syntax` with the shell's own message, and what to do about line ends of Windows. */
  async check(script: string, program: string): Promise<void> {
    const shell = basename(program);
    if (!SHELLS.has(shell)) return;
    const text = `${shell}\0${script}`;
    const key = text.length > SHORT_LENGTH ? hash("sha256", text) : text;
    if (this.#passed.has(key)) return;
    const checking = this.#underWay.get(key) ?? this.#checker.findFault(script, shell);
    this.#underWay.set(key, checking);
    const fault = await checking.finally(() => this.#underWay.delete(key));
    if (fault !== undefined) {
      const advice = script.includes("\r\n") ? LINE_END_ADVICE : "";
      throw new JobsError("script-syntax", `${shell} cannot read the script: ${fault}${advice}`, { field: "script" });
    }
    if (this.#passed.size >= REMEMBERED) this.#passed.clear();
    this.#passed.add(key);
  }
}
