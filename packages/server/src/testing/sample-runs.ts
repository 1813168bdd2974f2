import { Dependents } from "../projection/dependents.ts";
import { FinishedRecords, type FinishedRecordsOptions } from "../projection/finished-records.ts";
import { HistoryIndex } from "../projection/history-index.ts";
import { JobsProjection } from "../projection/jobs-projection.ts";
import { RunPresenter } from "../projection/run-presenter.ts";
import { Runs } from "../projection/runs.ts";

const readNothing: FinishedRecordsOptions["read"] = () => Promise.resolve(undefined);

/** All runs that a server knows of, which waits for what it does not with `catchUp`. */
export function runsWith(
  catchUp: () => Promise<void>,
  {
    history = new HistoryIndex(),
    jobs = new JobsProjection({ monotonicMs: () => 0 }),
    nowMs = 0,
    mayDecide = true,
    read = readNothing,
  } = {},
): Runs {
  const presenter = new RunPresenter({
    jobs,
    dependents: new Dependents(jobs),
    stateOf: () => undefined,
    silence: { sinceHeardMs: () => 0 },
    nowMs: () => nowMs,
  });
  return new Runs({
    jobs,
    history,
    presenter,
    records: new FinishedRecords({ read }),
    catchUp,
    mayDecide: () => mayDecide,
  });
}
