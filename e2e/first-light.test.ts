import { expect, test } from "vitest";
import { freshName, startStack } from "./support/stack.ts";

test("a script runs on the agent's host, its log comes live, its exit code and artifact arrive", async () => {
  await using stack = await startStack();
  const run = await stack.client.submitJob({
    name: freshName(),
    script: 'echo "hello $JOBS_JOB"; echo kept > $JOBS_OUTPUT/a.txt; exit 3',
    on: "alpha",
  });
  let text = "";
  for await (const chunk of run.logs()) {
    text += chunk.text;
  }
  const result = await run.result();
  expect(text).toBe(`hello ${run.job}\r\n`);
  expect(result).toMatchObject({ state: "failed", reason: "exit", exitCode: 3 });
  const artifacts = await run.artifacts();
  expect(artifacts.map(({ name }) => name)).toEqual(["a.txt"]);
});
