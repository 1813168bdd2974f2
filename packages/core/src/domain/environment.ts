/** What a script is started with beside its text: what no host could hand to it is refused before anything is stored. */
import { JobsError } from "../errors.ts";

/** The longest variable, with its name, the `=` and the NUL that ends it, in bytes of UTF-8; `MAX_ARG_STRLEN` of Linux. */
const TEXT_MAX_BYTES = 128 * 1024;
/** All of them: half of what Linux takes with its usual stack of 8 MiB, so that there is room for what the host adds and for what the script does. */
const ALL_MAX_BYTES = 1024 * 1024;
/** Linux counts a pointer to each text, too. */
const POINTER_BYTES = 8;
const ENCODER = new TextEncoder();

/** Why no program can be given this text unchanged; undefined when one can. */
export function textFault(text: string): string | undefined {
  if (text.includes("\0")) return "it has NUL bytes, which no program can be given";
  return /\p{Cs}/u.test(text) ? "it is not valid Unicode" : undefined;
}

/** Throws `invalid-request` with the field `env.<name>`, `env`, or for the interpreter the one that said it. */
export function checkEnvironment(
  { env, interpreter }: { readonly env: Readonly<Record<string, string>>; readonly interpreter: readonly string[] },
  interpreterField: "interpreter" | "script",
): void {
  let allBytes = 0;
  const check = (text: string, what: string, field: string): void => {
    const sizeBytes = ENCODER.encode(text).length + 1;
    allBytes += sizeBytes + POINTER_BYTES;
    const tooLong = `it has ${sizeBytes} bytes, more than ${TEXT_MAX_BYTES} (128 KiB)`;
    const fault = textFault(text) ?? (sizeBytes > TEXT_MAX_BYTES ? tooLong : undefined);
    if (fault !== undefined) throw new JobsError("invalid-request", `${what}: ${fault}.`, { field });
  };
  for (const word of interpreter) check(word, "A word of the interpreter", interpreterField);
  for (const [name, value] of Object.entries(env)) check(`${name}=${value}`, `The variable ${name}`, `env.${name}`);
  if (allBytes <= ALL_MAX_BYTES) return;
  const message = `The environment and the interpreter have ${allBytes} bytes together: at most ${ALL_MAX_BYTES} (1 MiB) are allowed.`;
  throw new JobsError("invalid-request", message, { field: "env" });
}
