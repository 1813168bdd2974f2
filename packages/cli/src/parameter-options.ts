/** The option that gives a run its parameters. */
import { JobsError, type Parameter } from "@jobs/core";
import { Option } from "commander";

export function parameterOption(): Option {
  return new Option("-P, --parameter <name=value>", "a parameter of the job; may be repeated").argParser(
    (one: string, all: string[] | undefined) => [...(all ?? []), one],
  );
}

const NUMBER = /^(-?)(?=\.?\d)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i;

type Declared = Pick<Parameter, "name" | "type">;

/**
 * The values, as the job declares them; what cannot be one stays a text, which the server refuses by name.
 * Throws `parameters-invalid` that names the parameter; `invalid-request`.
 */
export function parametersOf(
  given: readonly string[],
  declared: readonly Declared[],
): Record<string, string | number | boolean> {
  const values = new Map<string, string | number | boolean>();
  for (const text of given) {
    const at = text.indexOf("=");
    if (at < 1)
      throw new JobsError("invalid-request", `--parameter takes NAME=VALUE, not "${text}".`, { field: "parameters" });
    const name = text.slice(0, at);
    if (values.has(name))
      throw new JobsError("parameters-invalid", `${name} is given twice.`, { field: `parameters.${name}` });
    values.set(name, valueOf(text.slice(at + 1), declared.find((one) => one.name === name) ?? { name }));
  }
  return Object.fromEntries(values);
}

function valueOf(text: string, { name, type }: Partial<Declared>): string | number | boolean {
  if (type === "number" && NUMBER.test(text)) {
    if (exactOf(text) === exactOf(String(Number(text)))) return Number(text);
    const message = `${name} would lose digits: ${text} is no number that a computer has; as a text it could be kept.`;
    throw new JobsError("parameters-invalid", message, { field: `parameters.${name}` });
  }
  if (type === "flag" && (text === "true" || text === "false")) return text === "true";
  return text;
}

/** One text for all that are the same number: sign, digits without zeros around them, power of ten. */
function exactOf(text: string): string {
  const [, sign, whole = "", part = "", power = "0"] = NUMBER.exec(text) ?? [];
  const digits = (whole + part).replace(/^0+/, "");
  const kept = digits.replace(/0+$/, "");
  return kept === "" ? "0" : `${sign}${kept}e${Number(power) - part.length + digits.length - kept.length}`;
}
