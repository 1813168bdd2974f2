import { beforeAll, describe, expect, test } from "vitest";
import { findProcess } from "./process-table.ts";
import { buildSupervisorBundle, processGone, SupervisedHost } from "./testing/supervised-host.ts";

beforeAll(buildSupervisorBundle, 30_000);

describe("a limit of time", () => {
  test("ends a tree that ignores SIGTERM, also one in another session, after the grace", async () => {
    await using host = await SupervisedHost.open();
    const script = `trap '' TERM HUP; setsid bash -c 'trap "" TERM; sleep 300' & echo $!; sleep 300; sleep 300\n`;
    const { exit, pid, startedAt, exitedAt } = await host.run({ script, timeoutMs: 1_000, graceMs: 200 });
    expect(exit).toEqual({ signal: "SIGKILL", cause: "timeout" });
    const ranMs = Date.parse(exitedAt ?? "") - Date.parse(startedAt ?? "");
    expect(ranMs).toBeGreaterThanOrEqual(1_190);
    expect(findProcess(pid!)).toBeUndefined();
    expect(findProcess(Number.parseInt((await host.log("run-1.1")).toString(), 10))).toBeUndefined();
  });

  test("ends a script that has stopped itself without the wait for the grace", async () => {
    await using host = await SupervisedHost.open();
    const { exit } = await host.run({ script: "kill -STOP $$\n", timeoutMs: 1_000, graceMs: 20_000 });
    expect(exit).toEqual({ signal: "SIGTERM", cause: "timeout" });
  });

  test("holds while no agent is there, and the next one hears how it ended", async () => {
    await using host = await SupervisedHost.open();
    host.client.start(host.spec({ script: "echo $$; sleep 300\n", timeoutMs: 1_000 }));
    const script = (await host.status(({ phase }) => phase === "started")).pid!;
    const closed = host.closed(host.client);
    host.client.close();
    await closed;
    await processGone(script);
    const { hello } = await host.connect("session-2");
    const status = hello.attempts.find(({ phase }) => phase === "exited") ?? (await host.status(isExited));
    expect(status.exit).toEqual({ signal: "SIGTERM", cause: "timeout" });
  });

  test("is not that of a script that ends in time by itself", async () => {
    await using host = await SupervisedHost.open();
    const { exit } = await host.run({ script: "sleep 0.5; exit 3\n", timeoutMs: 1_500, silenceMs: 1_500 });
    expect(exit).toEqual({ exitCode: 3 });
  });

  test("of silence spares a script for as long as it prints, and ends it once it prints no more", async () => {
    await using host = await SupervisedHost.open();
    const script = "for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done; echo last; sleep 300\n";
    const { exit, startedAt, exitedAt } = await host.run({ script, silenceMs: 1_000 });
    expect(exit).toEqual({ signal: "SIGTERM", cause: "silence" });
    expect((await host.log("run-1.1")).toString()).toContain("last");
    expect(Date.parse(exitedAt ?? "") - Date.parse(startedAt ?? "")).toBeGreaterThanOrEqual(4_000);
  });

  test("leaves a script that listens to SIGTERM its last words and its exit code", async () => {
    await using host = await SupervisedHost.open();
    const script = "trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done\n";
    const { exit } = await host.run({ script, silenceMs: 1_000 });
    expect(exit).toEqual({ exitCode: 0, cause: "silence" });
    expect((await host.log("run-1.1")).toString()).toContain("bye");
  });
});

function isExited({ phase }: { readonly phase: string }): boolean {
  return phase === "exited";
}
