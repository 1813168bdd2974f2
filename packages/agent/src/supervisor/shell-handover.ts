/** What a script is started with: the whole of it, nothing else reaches it. */
export interface ScriptCommand {
  readonly interpreter: readonly string[];
  readonly scriptPath: string;
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly directory: string;
}

/** What `sh -c` becomes the script with. Input is at its end, so that nothing waits for a key for ever. */
export const BECOME_SCRIPT = 'exec "$@" </dev/null';

/** What the kernel keeps in a FIFO that nobody reads: more would not go in at once. */
const MAX_HANDOVER_BYTES = 64 * 1024;
const EXPORTABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/u;
/** Names with which some shell does more than to pass the value on, or that it refuses to set. */
const SHELL_OWN_NAME =
  /^(?:_|(?:OLD)?PWD|IFS|PPID|E?UID|GROUPS|SHLVL|SHELLOPTS|LINENO|S?RANDOM|SECONDS|EPOCH\w*|OPT\w*|ENV|POSIXLY_CORRECT|FUNCNAME|DIRSTACK|PIPESTATUS|HIST\w*|COMP\w*|BASH\w*)$/u;

/**
 * The text that makes a shell that is there already the one that `sh -c BECOME_SCRIPT sh interpreter… script` would
 * be, in this folder and with this environment.
 *
 * It is one compound command: a shell reads it to its end before it executes any of it, so a text that was cut off is
 * an error and does nothing.
 *
 * @returns undefined for what cannot be said this way
 */
export function composeHandover({ interpreter, scriptPath, env, directory }: ScriptCommand): Buffer | undefined {
  const names = Object.keys(env);
  if (!names.every((name) => EXPORTABLE_NAME.test(name) && !SHELL_OWN_NAME.test(name))) return undefined;
  const text = [
    "{",
    // -P: a shell that is started in a folder takes the name that the kernel has for it, too.
    `cd -P ${quote(directory)} || exit 1`,
    "unset OLDPWD",
    ...Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}`),
    `set -- ${[...interpreter, scriptPath].map(quote).join(" ")}`,
    "}\n",
  ].join("\n");
  const bytes = Buffer.from(text);
  return bytes.length > MAX_HANDOVER_BYTES || bytes.includes(0) ? undefined : bytes;
}

/** Between single quotes a shell takes everything as it is. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
