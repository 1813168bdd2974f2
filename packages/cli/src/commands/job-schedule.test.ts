import type { JobView } from "@jobs/sdk";
import { startContractServer, type Answer } from "@jobs/sdk/testing";
import { expect, test } from "vitest";
import { runCommand } from "../testing/run-command.ts";

const [before, since] = ["2026-11-23T10:00:00.000Z", "2026-11-23T10:00:01.000Z"];
const CHANGED = { error: { code: "job-changed", message: "It was changed: read it again." } } as const;

const others = { id: "others", cron: "@daily" };

function view(updatedAt: string, ...all: readonly (typeof others)[]): JobView {
  const schedules = all.map((schedule) => ({ schedule, next: [], doneUntil: updatedAt }));
  return { job: "nightly", policy: {}, schedules, updatedAt, updatedBy: "ada", runs: [] };
}

/** A server at which others change the job so many times, each time between a read and the save that follows. */
async function startServer(changes: number) {
  let changed = 0;
  const answer = ({ method }: { readonly method: string }): Answer => {
    if (method === "GET") return { body: changed === 0 ? view(before) : view(since, others) };
    return changed++ < changes ? { status: 409, body: CHANGED } : { body: view(since) };
  };
  const server = await startContractServer({ answer });
  const saved = (): unknown[] => server.requests.filter(({ method }) => method === "POST").map(({ body }) => body);
  return Object.assign(server, { env: { JOBS_URL: server.url, JOBS_TOKEN: server.token }, saved });
}

test("a schedule that somebody else sets at the same time stays: the job is read again", async () => {
  await using server = await startServer(1);
  expect(await runCommand(["schedule", "nightly", "--cron", "@hourly"], server)).toMatchObject({ exitCode: 0 });
  const own = { id: "main", cron: "@hourly" };
  expect(server.saved()).toEqual([
    { name: "nightly", schedules: [own], ifUpdatedAt: before },
    { name: "nightly", schedules: [others, own], ifUpdatedAt: since },
  ]);
});

test("where others change the job all the time it gives up, and says so", async () => {
  await using server = await startServer(100);
  expect(await runCommand(["schedule", "nightly", "--cron", "@hourly"], server)).toMatchObject({
    exitCode: 75,
    stderr: expect.stringContaining("It was changed: read it again.") as string,
  });
  expect(server.saved()).toHaveLength(5);
});

test.each([
  ["--cron", "@daily", "--remove", "--preview"],
  ["--remove", "--cron", "@daily"],
  ["--remove", "--paused"],
  ["--remove", "--blackout", "@daily/1h"],
  ["--cron", "@daily", "--preview=many"],
])("what does not go together is refused, and nothing asked or saved: %s %s %s %s", async (...options) => {
  await using server = await startServer(0);
  expect(await runCommand(["schedule", "nightly", ...options], server)).toMatchObject({ exitCode: 64, stdout: "" });
  expect(server.requests).toEqual([]);
});
