import { expect, test } from "vitest";
import { serverOptionsFrom } from "./config.ts";

const env = {
  NATS_URL: "nats://127.0.0.1:4222",
  JOBS_TOKENS: "ci:abc",
  JOBS_SECRET: "0123456789abcdef",
  JOBS_ARTIFACTS_DIR: "/tmp/artifacts",
};

test("tokens are pairs of a name and a token; one without a name is named token", () => {
  expect(serverOptionsFrom({ ...env, JOBS_TOKENS: "ci:abc, lena:d-E_4 ,xyz" }).tokens).toEqual([
    { name: "ci", token: "abc" },
    { name: "lena", token: "d-E_4" },
    { name: "token", token: "xyz" },
  ]);
});

test.each(["", ",", "ci:abc,", ",ci:abc", "ci:", ":abc", "ci:a b", "ci:a:b", "ci:ä", "c.i:abc"])(
  "tokens with a name or a token that is empty, or has other characters, are refused: %j",
  (JOBS_TOKENS) => {
    expect(() => serverOptionsFrom({ ...env, JOBS_TOKENS })).toThrow(
      expect.objectContaining({ code: "config-invalid", field: "JOBS_TOKENS" }) as Error,
    );
  },
);

test("what is empty, or out of bounds, is refused; what is left out is the default", () => {
  expect(serverOptionsFrom(env)).toMatchObject({ host: "127.0.0.1", port: 4280, stopDelayMs: 0 });
  expect(serverOptionsFrom({ ...env, JOBS_STOP_DELAY_MS: "5000" })).toMatchObject({ stopDelayMs: 5_000 });
  expect(serverOptionsFrom({ ...env, JOBS_LISTEN_PORT: "0" })).toMatchObject({ port: 0 });
  for (const [field, value] of [
    ["JOBS_LISTEN_HOST", ""],
    ["JOBS_LISTEN_PORT", ""],
    ["JOBS_LISTEN_PORT", " "],
    ["JOBS_LISTEN_PORT", "65536"],
    ["JOBS_STOP_DELAY_MS", ""],
    ["JOBS_STOP_DELAY_MS", "-1"],
    ["JOBS_STOP_DELAY_MS", "5s"],
  ] as const)
    expect(() => serverOptionsFrom({ ...env, [field]: value })).toThrow(
      expect.objectContaining({ code: "config-invalid", field }) as Error,
    );
});
