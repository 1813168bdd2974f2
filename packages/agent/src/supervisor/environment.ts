import { userInfo, type UserInfo } from "node:os";
import { attemptName } from "./attempt-record.ts";
import type { AttemptSpec, HostEnvironment } from "./protocol.ts";
import { stateDirHash } from "./socket-path.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** No more of it: an agent's environment holds its credentials. */
export function hostEnvironmentOf({ PATH, LANG, TZ, TMPDIR, HOME }: NodeJS.Dict<string>): HostEnvironment {
  return { PATH, LANG, TZ, TMPDIR, HOME };
}

export interface EnvironmentOptions {
  readonly spec: AttemptSpec;
  readonly stateDir: string;
  readonly outputDir: string;
  readonly workDir: string;
  readonly host: HostEnvironment;
}

/** Where a script with this environment of its own finds its programs. */
export function searchPathOf(env: AttemptSpec["env"], host: HostEnvironment): string {
  return env["PATH"] ?? host.PATH ?? DEFAULT_PATH;
}

/**
 * The whole environment of a script: a clean base, over it what the job asks for, over that what we promise. Nothing
 * else of the supervisor's own environment gets in. No pager and no question may wait for somebody at the keyboard.
 */
export function buildEnvironment(options: EnvironmentOptions): Readonly<Record<string, string>> {
  const { spec, stateDir, outputDir, workDir, host } = options;
  const user = accountOf(host);
  return {
    PATH: searchPathOf({}, host),
    HOME: user.homedir,
    USER: user.username,
    LOGNAME: user.username,
    LANG: host.LANG ?? "C.UTF-8",
    ...(host.TZ === undefined ? {} : { TZ: host.TZ }),
    ...(host.TMPDIR === undefined ? {} : { TMPDIR: host.TMPDIR }),
    SHELL: user.shell ?? "/bin/sh",
    TERM: "xterm-256color",
    PAGER: "cat",
    GIT_PAGER: "cat",
    SYSTEMD_PAGER: "",
    GIT_TERMINAL_PROMPT: "0",
    DEBIAN_FRONTEND: "noninteractive",
    ...spec.env,
    PWD: workDir,
    JOBS_JOB: spec.job,
    JOBS_RUN: spec.run,
    JOBS_ATTEMPT_NUMBER: String(spec.attempt),
    JOBS_OUTPUT: outputDir,
    JOBS_FENCE: `${spec.fence.epoch}:${spec.fence.sequence}`,
    ...Object.fromEntries(markerOf(spec, stateDir)),
  };
}

/** A container may run this process under a number that no account has: then it has the home that it was given. */
function accountOf({ HOME: homedir = "/" }: HostEnvironment): Pick<UserInfo<string>, "homedir" | "username" | "shell"> {
  try {
    return userInfo();
  } catch {
    return { homedir, username: String(process.geteuid?.()), shell: null };
  }
}

/**
 * What all processes of an attempt carry in their environment, so that a sweep finds those that left the session. Run
 * names are unique in one store only, so the supervisor's own mark keeps two of them on one host apart.
 */
export function markerOf(
  { run, attempt }: { readonly run: string; readonly attempt: number },
  stateDir: string,
): readonly (readonly [name: string, value: string])[] {
  return [
    ["JOBS_ATTEMPT", attemptName(run, attempt)],
    ["JOBS_SUPERVISOR", stateDirHash(stateDir)],
  ];
}
