import { startContractServer } from "@jobs/sdk/testing";
import { expect, test } from "vitest";
import { contentOf } from "./content-options.ts";
import { runCommand } from "./testing/run-command.ts";

test("of a variable that is given twice the last counts", () => {
  expect(contentOf({ env: ["A=1", "B=2", "A=3=4"] })).toEqual({ env: { A: "3=4", B: "2" } });
});

test("Ctrl-C while a script is read from standard input submits nothing", async () => {
  await using server = await startContractServer();
  const interrupt = new AbortController();
  async function* stdin(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("echo half");
    interrupt.abort(new Error("Interrupted."));
    await new Promise(() => undefined);
  }
  const env = { JOBS_URL: server.url, JOBS_TOKEN: server.token };
  const io = { env, interrupt: interrupt.signal, stdin: stdin() };
  expect(await runCommand(["submit", "-", "--name", "n"], io)).toMatchObject({ exitCode: 130, stdout: "", stderr: "" });
  expect(server.requests).toEqual([]);
});
