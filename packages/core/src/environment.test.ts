import { expect, test } from "vitest";
import { z } from "zod";
import { parseEnvironment } from "./environment.ts";

const Schema = z.object({ URL: z.string().min(1), PORT: z.coerce.number().default(80) });

test("settings come with their defaults, and the first wrong one is named", () => {
  expect(parseEnvironment(Schema, { URL: "x", OTHER: "y" })).toEqual({ URL: "x", PORT: 80 });
  expect(() => parseEnvironment(Schema, { PORT: "1" })).toThrow(
    expect.objectContaining({ code: "config-invalid", field: "URL" }) as Error,
  );
  expect(() => parseEnvironment(Schema, { URL: "x", PORT: "no" })).toThrow(
    /^PORT is not right: .*docs\/configuration\.md\.$/,
  );
});
