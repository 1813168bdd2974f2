import { setFlagsFromString } from "node:v8";
import { runInThisContext } from "node:vm";

/**
 * How many hidden classes (V8's maps) these objects have. What reads objects of many is slow wherever it stands in the
 * program: Node 20 makes one for each copy of an object by a spread that adds a field (`{ ...run, added }`).
 */
export function countHiddenClasses(objects: readonly object[]): number {
  setFlagsFromString("--allow-natives-syntax");
  try {
    const haveSame = runInThisContext("(one, other) => %HaveSameMap(one, other)") as (a: object, b: object) => boolean;
    const distinct: object[] = [];
    for (const one of objects) if (!distinct.some((other) => haveSame(one, other))) distinct.push(one);
    return distinct.length;
  } finally {
    setFlagsFromString("--no-allow-natives-syntax");
  }
}
