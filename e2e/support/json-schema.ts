/** As much of JSON Schema 2020-12 as the OpenAPI document uses; a word that is not known here throws, so that nothing passes unchecked. */
export type JsonSchema = Readonly<Record<string, unknown>>;

type Check = (value: unknown, argument: unknown, schema: JsonSchema) => boolean;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
};

/** JSON Schema counts code points. */
const lengthOf = (text: string): number => Array.from(text).length;

/** Words that say nothing of a value. */
const NOTES = new Set(["$schema", "description", "default", "format", "title", "examples"]);

const CHECKS: Readonly<Record<string, Check>> = {
  type: (value, type) => [type].flat().some((one) => TYPES[String(one)]?.(value) ?? false),
  enum: (value, all) => (all as unknown[]).includes(value),
  const: (value, one) => value === one,
  anyOf: (value, all) => (all as JsonSchema[]).some((one) => matches(value, one)),
  allOf: (value, all) => (all as JsonSchema[]).every((one) => matches(value, one)),
  required: (value, names) => !isObject(value) || (names as string[]).every((name) => Object.hasOwn(value, name)),
  properties: (value, known) =>
    !isObject(value) ||
    Object.entries(known as Record<string, JsonSchema>).every(
      ([name, schema]) => !Object.hasOwn(value, name) || matches(value[name], schema),
    ),
  additionalProperties: (value, rest, { properties = {} }) =>
    !isObject(value) ||
    Object.entries(value).every(
      ([name, one]) =>
        Object.hasOwn(properties as object, name) ||
        (typeof rest === "boolean" ? rest : matches(one, rest as JsonSchema)),
    ),
  propertyNames: (value, names) =>
    !isObject(value) || Object.keys(value).every((name) => matches(name, names as JsonSchema)),
  items: (value, one) => !Array.isArray(value) || value.every((item) => matches(item, one as JsonSchema)),
  prefixItems: (value, all) =>
    !Array.isArray(value) ||
    (all as JsonSchema[]).every((one, index) => index >= value.length || matches(value[index], one)),
  minItems: (value, least) => !Array.isArray(value) || value.length >= Number(least),
  maxItems: (value, most) => !Array.isArray(value) || value.length <= Number(most),
  minLength: (value, least) => typeof value !== "string" || lengthOf(value) >= Number(least),
  maxLength: (value, most) => typeof value !== "string" || lengthOf(value) <= Number(most),
  pattern: (value, text) => typeof value !== "string" || new RegExp(String(text), "u").test(value),
  minimum: (value, least) => typeof value !== "number" || value >= Number(least),
  maximum: (value, most) => typeof value !== "number" || value <= Number(most),
  exclusiveMinimum: (value, below) => typeof value !== "number" || value > Number(below),
  exclusiveMaximum: (value, above) => typeof value !== "number" || value < Number(above),
};

/** Whether the schema accepts the value. */
export function matches(value: unknown, schema: JsonSchema): boolean {
  return Object.entries(schema).every(([word, argument]) => {
    if (NOTES.has(word)) return true;
    const check = CHECKS[word];
    if (check === undefined) throw new Error(`“${word}” is a word of JSON Schema that this check does not know`);
    return check(value, argument, schema);
  });
}
