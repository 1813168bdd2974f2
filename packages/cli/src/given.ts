/** From options of the command line to fields of a request. */
import { JobsError } from "@jobs/core";

/** The fields that have a value; an option that was left out is no field. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** What is made of an option; undefined when it was left out. */
export function madeOf<Value, Made>(value: Value | undefined, make: (value: Value) => Made): Made | undefined {
  return value === undefined ? undefined : make(value);
}

/** The number that an option gives. Throws `invalid-request` that names the field. */
export function numberOf(text: string, option: string, field: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new JobsError("invalid-request", `${option} takes a number, not "${text}".`, { field });
}
