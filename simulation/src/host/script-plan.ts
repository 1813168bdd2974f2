/** What a simulated script does. It is the text of the script, as JSON in a comment: so it goes the way of every script. */
export interface ScriptPlan {
  readonly runMs: number;
  readonly exitCode: number;
  /** It dies of this instead. */
  readonly signal?: string;
  /** Policy that its submission asked for. */
  readonly overlap: string;
  readonly output?: string;
  readonly ignoresTerm?: boolean;
  readonly ignoresHangUp?: boolean;
  /** Processes that stay behind in the background, for so long. */
  readonly leavesForMs?: number;
  /** What it leaves does not even die of SIGKILL. */
  readonly leavesStuck?: boolean;
}

const MARK = "# simulated: ";

export function scriptOf(plan: ScriptPlan): string {
  return `#!/bin/sh\n${MARK}${JSON.stringify(plan)}\n`;
}

export function planOf(script: string): ScriptPlan {
  const at = script.indexOf(MARK);
  if (at < 0) throw new Error("not a simulated script");
  return JSON.parse(script.slice(at + MARK.length).split("\n")[0] ?? "") as ScriptPlan;
}
