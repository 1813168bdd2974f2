import { expect, test } from "vitest";
import { Dependents } from "./dependents.ts";
import { FinishedRecords } from "./finished-records.ts";
import { HistoryIndex } from "./history-index.ts";
import { JobsProjection } from "./jobs-projection.ts";
import { RunPresenter } from "./run-presenter.ts";
import { Runs } from "./runs.ts";

function runsWith(catchUp: () => Promise<void>, history = new HistoryIndex()): Runs {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const presenter = new RunPresenter({
    jobs,
    dependents: new Dependents(jobs),
    stateOf: () => undefined,
    silence: { sinceHeardMs: () => 0 },
    nowMs: () => 0,
  });
  return new Runs({
    jobs,
    history,
    presenter,
    records: new FinishedRecords({ read: () => Promise.resolve(undefined) }),
    catchUp,
  });
}

test("a run that is not there is unknown once all that is stored was seen", async () => {
  await expect(runsWith(() => Promise.resolve()).get("r")).rejects.toMatchObject({ code: "run-unknown" });
});

test("a run whose record is of a newer version is not unknown", async () => {
  const history = new HistoryIndex();
  history.addUnreadable("nightly", "r");
  await expect(runsWith(() => Promise.resolve(), history).get("r")).rejects.toMatchObject({
    code: "store-unavailable",
    message: expect.stringContaining("upgrade this server") as string,
  });
});

test("a server that cannot see what is stored does not call a run unknown, nor that a fault of its own", async () => {
  const cause = new Error("the mark did not come back");
  const runs = runsWith(() => Promise.reject(cause));
  await expect(runs.get("r")).rejects.toMatchObject({ code: "store-unavailable", cause });
});
