import { expect, test } from "vitest";
import { ERROR_CODES, exitCodeOf, httpStatusOf, JobsError, toJobsError } from "./errors.ts";

test.each(ERROR_CODES)("%s has a status and an exit code that tell of a failure", (code) => {
  expect(httpStatusOf(code)).toBeGreaterThanOrEqual(400);
  expect(httpStatusOf(code)).toBeLessThan(600);
  expect(exitCodeOf(code)).toBeGreaterThanOrEqual(64);
  expect(exitCodeOf(code)).toBeLessThanOrEqual(78);
  expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
});

test("an error crosses the network whole", () => {
  const error = new JobsError("job-busy", "Busy.", {
    field: "name",
    details: { run: "r" },
    cause: new Error("secret"),
  });
  const body: unknown = JSON.parse(JSON.stringify(error.toBody()));
  expect(body).toEqual({ error: { code: "job-busy", message: "Busy.", field: "name", details: { run: "r" } } });
  expect(JobsError.fromBody(body)).toMatchObject({
    code: "job-busy",
    message: "Busy.",
    field: "name",
    details: { run: "r" },
  });
  expect(new JobsError("internal", "x").toBody()).toEqual({ error: { code: "internal", message: "x" } });
});

test.each([
  null,
  undefined,
  1,
  "x",
  [],
  {},
  { error: {} },
  { error: { code: "other", message: "x" } },
  { error: { code: "internal" } },
  { error: { code: "toString", message: "x" } },
])("%j is no error of ours", (body) => expect(JobsError.fromBody(body)).toBeUndefined());

test("anything thrown becomes one, and keeps what it was as its cause", () => {
  const own = new JobsError("run-unknown", "x");
  expect(toJobsError(own)).toBe(own);
  const thrown = new TypeError("bad");
  expect(toJobsError(thrown)).toMatchObject({ code: "internal", message: "bad", cause: thrown });
  expect(toJobsError("text")).toMatchObject({ code: "internal", message: "text" });
});
