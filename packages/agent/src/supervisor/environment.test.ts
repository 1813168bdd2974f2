import { expect, test } from "vitest";
import { buildEnvironment } from "./environment.ts";
import type { AttemptSpec } from "./protocol.ts";

const spec = { job: "job", run: "run-1", attempt: 1, fence: { epoch: "e1", sequence: 1 }, env: {} } as AttemptSpec;
const folders = { stateDir: "/state", outputDir: "/output", workDir: "/work" };

test("time zone and temporary folder of the host are passed on where they are set, and a job may set its own", () => {
  const host = { TZ: "Europe/Berlin", TMPDIR: "/big" };
  expect(buildEnvironment({ spec, ...folders, host })).toMatchObject(host);
  const own = { ...spec, env: { TZ: "UTC" } };
  expect(buildEnvironment({ spec: own, ...folders, host })).toMatchObject({ TZ: "UTC", TMPDIR: "/big" });
  const bare = buildEnvironment({ spec, ...folders, host: {} });
  expect([bare["TZ"], bare["TMPDIR"]]).toEqual([undefined, undefined]);
});

test("git asks nobody for a name or a password, unless a job wants it to", () => {
  expect(buildEnvironment({ spec, ...folders, host: {} })["GIT_TERMINAL_PROMPT"]).toBe("0");
  const own = { ...spec, env: { GIT_TERMINAL_PROMPT: "1" } };
  expect(buildEnvironment({ spec: own, ...folders, host: {} })["GIT_TERMINAL_PROMPT"]).toBe("1");
});

test("the folder where it runs is what a script is told, whatever the job asks for", () => {
  const own = { ...spec, env: { PWD: "/elsewhere" } };
  expect(buildEnvironment({ spec: own, ...folders, host: {} })["PWD"]).toBe("/work");
});

test.skipIf(process.getuid?.() !== 0)(
  "where the user has no account a script gets the home of the agent all the same",
  () => {
    process.seteuid?.(1_999_999_999);
    try {
      const { HOME, USER } = buildEnvironment({ spec, ...folders, host: { HOME: "/app" } });
      expect([HOME, USER]).toEqual(["/app", "1999999999"]);
      expect(buildEnvironment({ spec, ...folders, host: {} })).toMatchObject({ HOME: "/" });
    } finally {
      process.seteuid?.(0);
    }
  },
);
