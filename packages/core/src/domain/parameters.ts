/**
 * What a run of a job's task may be given: declared with the task, checked at the submission. A value reaches the script
 * as the environment variable of its name, a number as a decimal, a flag as `true` or `false`; never as part of its text.
 */
import { z } from "zod";
import { JobsError } from "../errors.ts";
import { textFault } from "./environment.ts";
import { VariableName } from "./variable-name.ts";
import { wordsOf } from "./words.ts";

/** The longest value, in bytes of UTF-8: Linux takes twice as much in one variable. */
const VALUE_MAX_BYTES = 64 * 1024;
/** All values of a run together; with the rest of the environment they must fit into what Linux hands to a program. */
const VALUES_MAX_BYTES = 512 * 1024;
/** Declarations stand in the job's record, which must stay under 32 kB. */
const DECLARATIONS_MAX_BYTES = 8 * 1024;
const LENGTH = z.int().min(0).max(VALUE_MAX_BYTES);

const common = {
  /** The variable's name, up to 64 characters. */
  name: VariableName.max(64),
  /** For people. */
  description: z.string().max(500).optional(),
  /** No run is accepted without it, unless there is a default. */
  required: z.boolean().optional(),
};
const text = z.strictObject({
  ...common,
  type: z.literal("text"),
  minLength: LENGTH.optional(),
  maxLength: LENGTH.optional(),
  /** A regular expression (of JavaScript, with the flag `u`) that the whole of it must match. */
  pattern: z.string().max(500).optional(),
  default: z.string().optional(),
});
const number = z.strictObject({
  ...common,
  type: z.literal("number"),
  integer: z.boolean().optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  default: z.number().optional(),
});
const choice = z.strictObject({
  ...common,
  type: z.literal("choice"),
  values: z.array(z.string().min(1).max(200)).min(1).max(100),
  default: z.string().optional(),
});
const flag = z.strictObject({ ...common, type: z.literal("flag"), default: z.boolean().optional() });

/** A parameter as a job declares it. */
export const Parameter = z.discriminatedUnion("type", [text, number, choice, flag]);
export type Parameter = z.infer<typeof Parameter>;

/** A parameter as a record keeps it: what a newer server wrote into it stays. */
export const StoredParameter = z.discriminatedUnion("type", [
  text.loose(),
  number.loose(),
  choice.loose(),
  flag.loose(),
]);

export const ParameterValue = z.union([z.string(), z.number(), z.boolean()]);
export type ParameterValue = z.infer<typeof ParameterValue>;

/** The values of a run, by the names of the parameters. */
export const ParameterValues = z.record(z.string(), ParameterValue);
export type ParameterValues = z.infer<typeof ParameterValues>;

/** The JSON Schema (2020-12) of the values that a run may be given: a form can be made of it. */
export function parametersJsonSchema(parameters: readonly Parameter[]): Record<string, unknown> {
  return z.toJSONSchema(schemaOf(parameters), { io: "input" });
}

/**
 * The values of a run: those that are given, checked, and the defaults, in the order of the declarations. Throws
 * `parameters-invalid` with the field `parameters.<name>`.
 */
export function checkParameters(parameters: readonly Parameter[], given: unknown): ParameterValues {
  const values = ownOf(given);
  const { data, error } = schemaOf(parameters).safeParse(values, { error: wordsOf });
  if (data !== undefined) {
    const sizeBytes = new TextEncoder().encode(Object.values(data).join("")).length;
    if (sizeBytes <= VALUES_MAX_BYTES) return data;
    const message = `The parameters have ${sizeBytes} bytes together: at most ${VALUES_MAX_BYTES} (512 KiB) are allowed.`;
    throw new JobsError("parameters-invalid", message, { field: "parameters" });
  }
  const [issue] = error.issues;
  const name = issue?.code === "unrecognized_keys" ? issue.keys[0] : issue?.path[0];
  if (name === undefined)
    throw new JobsError("parameters-invalid", "parameters is an object of names and values.", { field: "parameters" });
  const names = parameters.map((one) => one.name).join(", ");
  const unknown = `The job has no parameter “${String(name)}”${names === "" ? "" : `; it has ${names}`}.`;
  const isMissing = (values as Record<string, unknown> | null)?.[String(name)] === undefined;
  const wrong = isMissing
    ? `The parameter ${String(name)} is missing.`
    : `The parameter ${String(name)}: ${issue?.message}.`;
  const message = issue?.code === "unrecognized_keys" ? unknown : wrong;
  throw new JobsError("parameters-invalid", message, { field: `parameters.${String(name)}` });
}

/** Without what every object has: `constructor` is a name as any other. */
function ownOf(given: unknown): unknown {
  return typeof given === "object" && given !== null && !Array.isArray(given)
    ? Object.assign(Object.create(null) as object, given)
    : given;
}

/** Why declarations cannot hold beside a task's environment, and the field below the task; undefined when they can. */
export function parametersFault(
  parameters: readonly Parameter[],
  env: Readonly<Record<string, string>> = {},
): { readonly field: string; readonly message: string } | undefined {
  const sizeBytes = new TextEncoder().encode(JSON.stringify(parameters)).length;
  if (sizeBytes > DECLARATIONS_MAX_BYTES) {
    const message = `The parameters take ${sizeBytes} bytes to declare: at most ${DECLARATIONS_MAX_BYTES} (8 KiB) are allowed.`;
    return { field: "parameters", message };
  }
  for (const [index, parameter] of parameters.entries()) {
    const fault = faultOf(parameter);
    if (fault !== undefined) return { field: `parameters.${index}.${fault.field}`, message: fault.message };
    const { name } = parameter;
    const isTwice = parameters.findIndex((other) => other.name === name) !== index;
    if (isTwice) return { field: `parameters.${index}.name`, message: `There are two parameters ${name}.` };
    if (Object.hasOwn(env, name))
      return { field: `env.${name}`, message: `${name} is a parameter: the environment cannot set it as well.` };
  }
  return undefined;
}

/** The first parameter that a run must be given, since it has no default; undefined when a run needs none. */
export function findNeeded(parameters: readonly Parameter[] = []): Parameter | undefined {
  return parameters.find((one) => one.required === true && one.default === undefined);
}

/** What runs get that are given nothing. */
export function defaultsOf(parameters: readonly Parameter[]): ParameterValues {
  return Object.fromEntries(parameters.flatMap((one) => (one.default === undefined ? [] : [[one.name, one.default]])));
}

/** The variables that the values become. */
export function variablesOf(values: ParameterValues): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === "number" ? decimal(value) : String(value)]),
  );
}

const SHOWN_MAX_LENGTH = 200;
const SHOWN_ALL_LENGTH = 4_000;

/** The values as a run's record keeps them for people: long ones are cut. All of them are in the payload. */
export function shownParameters(values: ParameterValues): ParameterValues {
  let room = SHOWN_ALL_LENGTH;
  const shown = Object.entries(values).map(([name, value]): [string, ParameterValue] => {
    const isLong = typeof value === "string" && value.length > SHOWN_MAX_LENGTH;
    const cut = isLong ? `${value.slice(0, SHOWN_MAX_LENGTH).replace(/[\ud800-\udbff]$/, "")}…` : value;
    room -= JSON.stringify([name, cut]).length;
    return [name, room < 0 ? "…" : cut];
  });
  return Object.fromEntries(shown);
}

type ValueSchema = z.ZodType<ParameterValue | undefined>;

function schemaOf(parameters: readonly Parameter[]): z.ZodType<ParameterValues> {
  const fields = parameters.map((one): [string, ValueSchema] => [one.name, fieldOf(one)]);
  return z.strictObject(Object.fromEntries(fields)) as unknown as z.ZodType<ParameterValues>;
}

function fieldOf(parameter: Parameter): ValueSchema {
  const { description, required, default: byDefault } = parameter;
  const value = valueOf(parameter);
  const described = description === undefined ? value : value.describe(description);
  if (byDefault !== undefined) return described.default(byDefault);
  return required === true ? described : described.optional();
}

function valueOf(parameter: Parameter): z.ZodType<ParameterValue> {
  switch (parameter.type) {
    case "text": {
      const { minLength, maxLength, pattern } = parameter;
      let value = z.string();
      if (minLength !== undefined) value = value.min(minLength);
      if (maxLength !== undefined) value = value.max(maxLength);
      if (pattern !== undefined) value = value.regex(wholly(pattern), `it does not match ${pattern}`);
      return value.superRefine((one, context) => {
        const message = valueFault(one);
        if (message !== undefined) context.addIssue({ code: "custom", message });
      });
    }
    case "number": {
      let value: z.ZodNumber = parameter.integer === true ? z.int() : z.number();
      if (parameter.min !== undefined) value = value.min(parameter.min);
      if (parameter.max !== undefined) value = value.max(parameter.max);
      return value;
    }
    case "choice":
      return z.enum(parameter.values);
    case "flag":
      return z.boolean();
  }
}

function wholly(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, "u");
}

function valueFault(value: string): string | undefined {
  const sizeBytes = new TextEncoder().encode(value).length;
  const tooLong = `it has ${sizeBytes} bytes, more than ${VALUE_MAX_BYTES} (64 KiB)`;
  return textFault(value) ?? (sizeBytes > VALUE_MAX_BYTES ? tooLong : undefined);
}

function faultOf(parameter: Parameter): { readonly field: string; readonly message: string } | undefined {
  const { name } = parameter;
  if (parameter.type === "text" && parameter.pattern !== undefined) {
    try {
      wholly(parameter.pattern);
    } catch (error) {
      return {
        field: "pattern",
        message: `The pattern of ${name} is no regular expression: ${(error as Error).message}.`,
      };
    }
  }
  if (parameter.type === "choice") {
    for (const [index, value] of parameter.values.entries()) {
      const fault = textFault(value);
      if (fault !== undefined) return { field: `values.${index}`, message: `A choice of ${name}: ${fault}.` };
      if (parameter.values.indexOf(value) !== index)
        return { field: `values.${index}`, message: `“${value}” is a choice of ${name} twice.` };
    }
  }
  const [least, most] = boundsOf(parameter);
  if (least !== undefined && most !== undefined && least > most)
    return { field: "type", message: `Nothing can be the value of ${name}: ${least} is more than ${most}.` };
  if (parameter.type === "number" && parameter.integer === true && !hasWholeNumber(least, most))
    return { field: "type", message: `Nothing can be the value of ${name}: no whole number is within its bounds.` };
  if (parameter.default === undefined) return undefined;
  const { error } = valueOf(parameter).safeParse(parameter.default, { error: wordsOf });
  if (error === undefined) return undefined;
  return { field: "default", message: `The default of ${name} may not be its value: ${error.issues[0]?.message}.` };
}

function boundsOf(parameter: Parameter): readonly [number | undefined, number | undefined] {
  if (parameter.type === "text") return [parameter.minLength, parameter.maxLength];
  return parameter.type === "number" ? [parameter.min, parameter.max] : [undefined, undefined];
}

/** Of those that JavaScript counts without a gap: no other is taken for a whole number. */
function hasWholeNumber(least = -Infinity, most = Infinity): boolean {
  return Math.max(Math.ceil(least), Number.MIN_SAFE_INTEGER) <= Math.min(Math.floor(most), Number.MAX_SAFE_INTEGER);
}

/** Without an exponent: scripts calculate with it. */
function decimal(value: number): string {
  const [digits = "", exponent] = String(value).split("e");
  if (exponent === undefined) return digits;
  const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(digits) ?? [];
  const by = Number(exponent);
  if (by > 0) return sign + whole + fraction.padEnd(by, "0");
  return `${sign}0.${"0".repeat(-by - 1)}${whole}${fraction}`;
}
