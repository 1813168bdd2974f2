import { beforeAll, describe, expect, test } from "vitest";
import { bootClockMs } from "./boot-clock.ts";
import { buildSupervisorBundle, SupervisedHost } from "./testing/supervised-host.ts";

beforeAll(buildSupervisorBundle, 30_000);

describe("a start is refused", () => {
  test("without a licence, before anything else is looked at", async () => {
    await using host = await SupervisedHost.open();
    const ended = { session: "session-1", number: 1, endsAtBootMs: bootClockMs() };
    const other = { ...ended, session: "session-0", endsAtBootMs: bootClockMs() + 60_000 };
    const missing = ["no-such-shell"];
    expect((await host.run({ run: "a", licence: ended, interpreter: missing })).refusal?.code).toBe("no-licence");
    expect((await host.run({ run: "b", licence: other, interpreter: missing })).refusal?.code).toBe("no-licence");
  });

  test("when its fence does not exceed the highest of the job, also that of a released attempt", async () => {
    await using host = await SupervisedHost.open();
    await host.run({ run: "a", fence: { epoch: "e1", sequence: 5 } });
    host.client.release("a", 1);
    const stale = await host.run({ run: "b", fence: { epoch: "e1", sequence: 5 }, interpreter: ["no-such-shell"] });
    expect(stale.refusal?.code).toBe("stale-fence");
    await host.killSupervisor();
    const { hello } = await host.connect();
    expect(hello.attempts.map(({ run }) => run)).toEqual(["b"]);
    expect((await host.run({ run: "c", fence: { epoch: "e1", sequence: 4 } })).refusal?.code).toBe("stale-fence");
    expect((await host.run({ run: "d", fence: { epoch: "e2", sequence: 1 } })).exit).toEqual({ exitCode: 0 });
  });

  test("while the host holds another attempt of the job, unless both allow it", async () => {
    await using host = await SupervisedHost.open();
    const script = "sleep 300\n";
    host.client.start(host.spec({ run: "a", fence: { epoch: "e1", sequence: 1 }, allowsOverlap: true, script }));
    await host.status(({ run, phase }) => run === "a" && phase === "started");
    const held = await host.run({ run: "b", fence: { epoch: "e1", sequence: 2 }, interpreter: ["no-such-shell"] });
    expect(held.refusal?.code).toBe("held");
    const beside = await host.run({ run: "c", fence: { epoch: "e1", sequence: 3 }, allowsOverlap: true });
    expect(beside.exit).toEqual({ exitCode: 0 });
    const other = await host.run({ run: "d", job: "other", fence: { epoch: "e1", sequence: 1 } });
    expect(other.exit).toEqual({ exitCode: 0 });
  });

  test("when the host has no such interpreter, and the message names it", async () => {
    await using host = await SupervisedHost.open();
    const { refusal } = await host.run({ interpreter: ["/usr/bin/env", "-S", "no-such-shell -u"] });
    expect(refusal?.code).toBe("interpreter-missing");
    expect(refusal?.message).toContain("no-such-shell");
  });

  test("when it was cancelled before it came, also after a crash in between", async () => {
    await using host = await SupervisedHost.open();
    const { job, run, attempt, fence } = host.spec();
    host.client.cancel({ job, run, attempt }, fence, 1_000);
    await host.status(({ phase }) => phase === "refused");
    await host.killSupervisor();
    host.statuses.length = 0;
    await host.connect();
    expect((await host.run()).refusal?.code).toBe("cancelled");
  });

  test("as the agent says, for good", async () => {
    await using host = await SupervisedHost.open();
    const { job, run, attempt, fence } = host.spec();
    host.client.refuse({ job, run, attempt }, fence, { code: "no-room", message: "the disk is full" });
    expect((await host.run()).refusal).toEqual({ code: "no-room", message: "the disk is full" });
  });

  test("when a variable is longer than the kernel takes", async () => {
    await using host = await SupervisedHost.open();
    const { refusal } = await host.run({ env: { LONG: "x".repeat(200_000) } });
    expect(refusal?.code).toBe("payload-invalid");
  });
});
