import { z } from "zod";

/** The longest name of a job, in Unicode code points after normalisation. */
export const JOB_NAME_MAX_LENGTH = 128;

/** A name as it identifies the job: Unicode NFC, without white space at either end, case kept. */
export function normaliseJobName(name: string): string {
  return name.normalize("NFC").trim();
}

/** Why a normalised name cannot be one, in words for the user; undefined when it can. */
export function jobNameFault(name: string): string | undefined {
  if (name === "") return "The job's name is empty: give it 1 to 128 characters.";
  const length = Array.from(name).length;
  if (length > JOB_NAME_MAX_LENGTH) {
    return `The job's name has ${length} characters: at most ${JOB_NAME_MAX_LENGTH} are allowed.`;
  }
  if (/\p{Cc}/u.test(name)) return "The job's name has control characters: remove them.";
  if (/\p{Cs}/u.test(name)) return "The job's name is not valid Unicode.";
  return undefined;
}

/** A job's name, normalised: its identity. 1 to 128 code points, no control characters. */
export const JobName = z
  .string({ error: ({ input }) => (input === undefined ? "the job's name is missing" : "a job's name is a text") })
  .transform(normaliseJobName)
  .superRefine((name, context) => {
    const fault = jobNameFault(name);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault, params: { code: "name-invalid" } });
  });
