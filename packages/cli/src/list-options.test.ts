import { startContractServer, viewOf } from "@jobs/sdk/testing";
import { expect, test } from "vitest";
import { filterOf } from "./list-options.ts";
import { runCommand } from "./testing/run-command.ts";

const NOW_MS = Date.parse("2026-03-01T12:00:00.000Z");
const STATES = { submitted: 0, pending: 1, running: 2, completed: 3, failed: 4, cancelled: 5, skipped: 6 };

test("what is left out is asked for nowhere; a time is so long before now, an instant stays as it is", () => {
  expect(filterOf({}, NOW_MS)).toEqual({});
  const instant = "2026-02-01T00:00:00+01:00";
  expect(filterOf({ since: "2h", until: instant, by: "ada", text: "night" }, NOW_MS)).toEqual({
    since: "2026-03-01T10:00:00.000Z",
    until: instant,
    submittedBy: "ada",
    name: "night",
  });
  expect(() => filterOf({ since: "yesterday" }, NOW_MS)).toThrow(
    expect.objectContaining({ code: "invalid-request", field: "since" }) as Error,
  );
});

test("list sends its filter, says how the next page is shown, and counts", async () => {
  await using server = await startContractServer({
    answer: ({ path }) => ({
      body: path === "/v1/runs" ? { runs: [viewOf()], next: "place" } : { total: 21, states: STATES },
    }),
  });
  const filter = ["--state", "failed,skipped", "--state", "cancelled", "--reason", "lost", "--agent", "web-1"];
  const listed = await runCommand(["list", ...filter, "--after", "here"], {
    env: { JOBS_URL: server.url, JOBS_TOKEN: server.token },
  });
  expect(listed).toMatchObject({ exitCode: 0, stderr: "There are more: --after place shows the next ones.\n" });
  const env = { JOBS_URL: server.url, JOBS_TOKEN: server.token };
  expect(JSON.parse((await runCommand(["list", "--json"], { env })).stdout)).toEqual({
    runs: [viewOf()],
    next: "place",
  });
  const counted = await runCommand(["list", "--counts", ...filter], { env });
  expect(counted.stdout).toMatch(/^submitted +0\n.*\nfailed +4\n.*\nin all +21\n$/s);
  expect(JSON.parse((await runCommand(["list", "--counts", "--json"], { env })).stdout)).toEqual({
    total: 21,
    states: STATES,
  });
  const states = "state=failed&state=skipped&state=cancelled&reason=lost&agent=web-1";
  expect(server.requests.map(({ path, query }) => `${path}?${query.toString()}`)).toEqual([
    `/v1/runs?${states}&limit=20&after=here`,
    "/v1/runs?limit=20",
    `/v1/run-counts?${states}`,
    "/v1/run-counts?",
  ]);
});

test.each<[string[], string | undefined]>([
  [["--pending", "--state", "failed"], "pending"],
  [["--after", "place", "--pending"], "pending"],
  [["--pending", "--since", "2h"], "pending"],
  [["--counts", "--pending"], "counts"],
  [["--counts", "--limit", "abc"], "counts"],
  [["--counts", "--after", "place"], "counts"],
  [["--wat"], "wat"],
  [["--limit"], "limit"],
  [["-x"], undefined],
])("options that do not go together, or are none, are refused with their field: list %j", async (argv, field) => {
  await using server = await startContractServer({ answer: () => ({ body: { runs: [], pending: [] } }) });
  const env = { JOBS_URL: server.url, JOBS_TOKEN: server.token };
  const done = await runCommand(["list", ...argv, "--json"], { env });
  expect(done).toMatchObject({ exitCode: 64, stdout: "" });
  const { error } = JSON.parse(done.stderr) as { error: { code: string; field?: string } };
  expect([error.code, error.field]).toEqual(["invalid-request", field]);
  expect(server.requests).toEqual([]);
});

test("what waits may be asked for by job and agent, with a limit", async () => {
  await using server = await startContractServer({ answer: () => ({ body: { pending: [] } }) });
  const env = { JOBS_URL: server.url, JOBS_TOKEN: server.token };
  const argv = ["list", "--pending", "--job", "nightly", "--agent", "web-1", "--limit", "5"];
  expect(await runCommand(argv, { env })).toMatchObject({ exitCode: 0 });
  expect(server.requests[0]?.query.toString()).toBe("job=nightly&agent=web-1&limit=5");
});
