/** Many submissions at once, each as by itself: what is wrong with one harms no other. */
import { httpStatusOf, JobsError, SubmitInput, toJobsError, type Run, type SubmitResult } from "@jobs/core";
import type { z } from "zod";
import type { Commands } from "../commands.ts";
import type { Decided } from "../duties/decided.ts";
import { parseInput } from "../http/input.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { RunPresenter } from "../projection/run-presenter.ts";
import { accept, isMadeOf, type AcceptOptions } from "./accept.ts";
import { submitOnce } from "./submit-once.ts";

export interface SubmitAllOptions extends AcceptOptions {
  readonly commands: Pick<Commands, "submit">;
  readonly presenter: Pick<RunPresenter, "present">;
  readonly metrics: Pick<Metrics, "onRejected">;
}

type Input = z.output<typeof SubmitInput>;

/**
 * The result of each, in their order. Of one job the next is asked for once the one before it is decided; when nobody
 * knows what came of that one, those after it are not tried: sent again, all of them come in order.
 */
export async function submitAll(
  inputs: readonly unknown[],
  by: string,
  options: SubmitAllOptions,
): Promise<SubmitResult[]> {
  const results: SubmitResult[] = [];
  for (let from = 0; from < inputs.length;) {
    const group = nextGroup(inputs, from);
    results.push(...(await submitGroup(group, by, options)));
    from += group.length;
  }
  return results;
}

type Checked = { readonly input: Input } | { readonly error: JobsError };

/** From `from` on as many as do not wait for the latest run of a job in the same group: that run must be there first. */
function nextGroup(inputs: readonly unknown[], from: number): readonly Checked[] {
  const group: Checked[] = [];
  const jobs = new Set<string>();
  for (const given of inputs.slice(from)) {
    const checked = check(given);
    if ("input" in checked) {
      if (checked.input.after?.jobs.some((job) => jobs.has(job)) === true) break;
      jobs.add(checked.input.name);
    }
    group.push(checked);
  }
  return group;
}

function check(given: unknown): Checked {
  try {
    return { input: parseInput(SubmitInput, given) };
  } catch (error) {
    return { error: toJobsError(error) };
  }
}

async function submitGroup(group: readonly Checked[], by: string, options: SubmitAllOptions): Promise<SubmitResult[]> {
  /** What comes of the last submission of each job. */
  const before = new Map<string, Promise<SubmitResult | JobsError>>();
  return Promise.all(
    group.map(async (checked) => {
      if ("error" in checked) return failed(checked.error, options);
      const { name } = checked.input;
      const result = submitAfter(before.get(name), { input: checked.input, by }, options);
      before.set(name, result);
      const settled = await result;
      return settled instanceof JobsError ? failed(settled, options) : settled;
    }),
  );
}

async function submitAfter(
  before: Promise<SubmitResult | JobsError> | undefined,
  { input, by }: { readonly input: Input; readonly by: string },
  options: SubmitAllOptions,
): Promise<SubmitResult | JobsError> {
  try {
    const accepting = accept(input, by, options);
    if (before !== undefined) {
      accepting.catch(() => undefined); // it is looked at once the one before it is known
      const unknown = findUnknown(await before);
      if (unknown !== undefined) return unknown;
    }
    const submit = async (): Promise<Decided> => options.commands.submit(await accepting);
    const isSame = (made: Run): boolean => isMadeOf(made, input, options);
    const { run, isNew } = await submitOnce(input, { submit, isSame }, options);
    return { run: options.presenter.present(run), known: !isNew };
  } catch (error) {
    return toJobsError(error);
  }
}

/** After such an error the submission may be stored, or not. */
function findUnknown(result: SubmitResult | JobsError): JobsError | undefined {
  return result instanceof JobsError && httpStatusOf(result.code) === 503 ? result : undefined;
}

function failed(error: JobsError, { metrics }: SubmitAllOptions): SubmitResult {
  metrics.onRejected(error.code);
  return error.toBody() as SubmitResult;
}
