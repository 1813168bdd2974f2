import { expect, test } from "vitest";
import { JobsError } from "../errors.ts";
import { startNats } from "../testing/index.ts";
import { openLink } from "../testing/nats-link.ts";
import { requestCommand, serveCommands } from "./commands.ts";

test("a command is answered by the server that it is for; its error comes back as that very error", async () => {
  await using nats = await startNats();
  await using one = await openLink(nats);
  await using two = await openLink(nats);
  const served = serveCommands(one, "server-1", (command) => {
    if (command === "throw at once") throw new Error("broken");
    if (command === "busy")
      return Promise.reject(new JobsError("job-busy", "Busy.", { field: "name", details: { run: "r" } }));
    return Promise.resolve({ got: command });
  });
  await one.connection.flush(); // the subscription is known to NATS
  expect(await requestCommand(two, "server-1", { a: 1 })).toEqual({ got: { a: 1 } });
  await expect(requestCommand(two, "server-1", "busy")).rejects.toMatchObject({
    code: "job-busy",
    message: "Busy.",
    field: "name",
    details: { run: "r" },
  });
  await expect(requestCommand(two, "server-1", "throw at once")).rejects.toMatchObject({ code: "internal" });
  const garbage = await two.connection.request("cmd.server-1", "not JSON");
  expect(garbage.json()).toMatchObject({ error: { code: "internal" } });
  await expect(requestCommand(two, "server-2", 1)).rejects.toMatchObject({
    code: "no-deciding-server",
    details: undefined,
  });
  served.stop();
  await one.connection.flush();
  await expect(requestCommand(two, "server-1", 1)).rejects.toMatchObject({ code: "no-deciding-server" });
});

test("a server that never answers is given up long before a take-over is over, and the outcome is said to be unknown", async () => {
  await using nats = await startNats();
  await using one = await openLink(nats);
  await using two = await openLink(nats);
  serveCommands(one, "server-1", () => new Promise(() => undefined));
  await one.connection.flush();
  await expect(requestCommand(two, "server-1", 1)).rejects.toMatchObject({
    code: "no-deciding-server",
    message: expect.stringContaining("it is not known whether this was done") as string,
    details: { outcome: "unknown" },
  });
}, 5_000);
