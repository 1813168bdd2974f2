/** The version of this package; `architecture.test.ts` holds it against package.json. */
export const VERSION = "0.1.0";
