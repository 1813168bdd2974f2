import type { AttemptFolder } from "./attempt-folder.ts";
import { buildEnvironment, searchPathOf } from "./environment.ts";
import { findProgram } from "./interpreter.ts";
import type { AttemptSpec, HostEnvironment } from "./protocol.ts";
import type { PtyProgram } from "./pty.ts";

/** What is executed for an attempt, and where. */
export function programOf(
  spec: AttemptSpec,
  { outputDir, workDir, scriptPath }: AttemptFolder,
  { stateDir, environment }: { readonly stateDir: string; readonly environment: () => HostEnvironment },
): PtyProgram {
  const host = environment();
  const { interpreter, columns, rows } = spec;
  const [program = ""] = interpreter;
  const file = findProgram(program, searchPathOf(spec.env, host)) ?? program;
  const env = buildEnvironment({ spec, stateDir, outputDir, workDir, host });
  return { file, args: [...interpreter, scriptPath], env, directory: workDir, columns, rows };
}
