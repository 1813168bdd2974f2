/** Takes the place of the supervisor's `leaders.ts`: who is whose child on the simulated host. */
import type { AttemptMark, ScriptProcess } from "../host/process-table.ts";
import { self } from "../kernel/machine.ts";

/** How the leader ended: one of the two. */
export interface LeaderExit {
  readonly exitCode?: number;
  readonly signal?: string;
}

/** What each supervisor has started; what that left behind when the supervisor ended went to init. */
const startedBy = new WeakMap<object, Map<AttemptMark, ScriptProcess>>();

export function noteLeader(leader: ScriptProcess): void {
  const started = startedBy.get(self()) ?? new Map<AttemptMark, ScriptProcess>();
  startedBy.set(self(), started.set(leader.mark, leader));
}

export function mayHaveOrphans(): boolean {
  const { processes } = self().host;
  const started = startedBy.get(self());
  const isLeft = ({ mark }: ScriptProcess): boolean => {
    const leader = started?.get(mark);
    return leader !== undefined && processes.find(leader.pid) !== leader;
  };
  return [...processes.all()].some(isLeft);
}
