type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The same without the fields that are undefined: what JSON would make of it. */
export function withoutUndefined<T extends object>(value: T): Defined<T> {
  const defined: Record<string, unknown> = {};
  for (const [key, one] of Object.entries(value)) if (one !== undefined) defined[key] = one;
  return defined as Defined<T>;
}
