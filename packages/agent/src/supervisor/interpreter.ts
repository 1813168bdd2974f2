import { accessSync, constants, statSync } from "node:fs";
import { basename, delimiter, isAbsolute, join } from "node:path";

/**
 * The first program of an interpreter line that this host does not have, or undefined when it has all of them. Found
 * out before the start: one that `env` cannot execute would end like a script that failed.
 */
export function findMissingProgram(interpreter: readonly string[], searchPath: string): string | undefined {
  const [first, ...rest] = interpreter;
  if (first === undefined) return "(no interpreter)";
  if (!isProgram(first, searchPath)) return first;
  const named = basename(first) === "env" ? findEnvProgram(rest) : undefined;
  return named === undefined || isProgram(named, searchPath) ? undefined : named;
}

function isProgram(name: string, searchPath: string): boolean {
  return findProgram(name, searchPath) !== undefined;
}

/** The file that is executed under this name. */
export function findProgram(name: string, searchPath: string): string | undefined {
  if (isAbsolute(name)) return isExecutableFile(name) ? name : undefined;
  // The script runs in a new, empty folder: nothing can be found relative to it.
  if (name.includes("/")) return undefined;
  const folders = searchPath.split(delimiter).filter(isAbsolute);
  return folders.map((folder) => join(folder, name)).find(isExecutableFile);
}

function isExecutableFile(path: string): boolean {
  try {
    // Most folders of a path do not have it: that must cost no error.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The program that `env` will execute: behind its options and `NAME=value` assignments. */
function findEnvProgram(words: readonly string[]): string | undefined {
  const [word, ...rest] = words;
  if (word === undefined) return undefined;
  const splitText = /^(?:-[a-zA-Z]*S|--split-string=?)(.*)$/su.exec(word)?.[1];
  if (splitText !== undefined) {
    return findEnvProgram([...splitText.split(/\s+/u), ...rest.flatMap((text) => text.split(/\s+/u))].filter(Boolean));
  }
  if (["-u", "--unset", "-C", "--chdir"].includes(word)) return findEnvProgram(rest.slice(1));
  if (word.startsWith("-") || word.includes("=")) return findEnvProgram(rest);
  return word;
}
