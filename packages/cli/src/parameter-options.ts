/** The option that gives a run its parameters. */
import { JobsError, type Parameter } from "@jobs/core";
import { Option } from "commander";

export function parameterOption(): Option {
  return new Option("-P, --parameter <name=value>", "a parameter of the job; may be repeated").argParser(
    (one: string, all: string[] | undefined) => [...(all ?? []), one],
  );
}

type Declared = Pick<Parameter, "name" | "type">;

/** The values, as the job declares them; what cannot be one stays a text, which the server refuses by name. */
export function parametersOf(
  given: readonly string[],
  declared: readonly Declared[],
): Record<string, string | number | boolean> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf("=");
      if (at < 1)
        throw new JobsError("invalid-request", `--parameter takes NAME=VALUE, not "${text}".`, { field: "parameters" });
      const name = text.slice(0, at);
      return [name, valueOf(text.slice(at + 1), declared.find((one) => one.name === name)?.type)];
    }),
  );
}

function valueOf(text: string, type: Parameter["type"] | undefined): string | number | boolean {
  if (type === "number" && /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  if (type === "flag" && (text === "true" || text === "false")) return text === "true";
  return text;
}
