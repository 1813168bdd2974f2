import { connect } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { startNats } from "../testing/index.ts";
import { renderNatsConf } from "./nats-conf.ts";

const ADMIN = { user: "admin", password: "secret" };

test("a limited user publishes where it may, and nowhere else", async () => {
  const permissions = { publish: { allow: ["agt.x.>"] }, subscribe: { allow: ["_INBOX.x.>"] } };
  await using nats = await startNats({ users: [ADMIN, { user: "x", password: "secret", permissions }] });
  const admin = await connect({ servers: nats.url, user: "admin", pass: "secret" });
  const limited = await connect({ servers: nats.url, user: "x", pass: "secret", inboxPrefix: "_INBOX.x" });
  const seen: string[] = [];
  admin.subscribe(">", { callback: (_, message) => void seen.push(message.subject) });
  await admin.flush();
  const refusals: string[] = [];
  void (async () => {
    for await (const status of limited.status()) if (status.type === "error") refusals.push(String(status.error));
  })();
  limited.publish("agt.y.evt");
  limited.publish("inbox.x");
  limited.publish("agt.x.evt");
  await limited.flush();
  await admin.flush();
  expect(seen.filter((subject) => !subject.startsWith("_INBOX"))).toEqual(["agt.x.evt"]);
  expect(refusals.join()).toContain("agt.y.evt");
  await limited.close();
  await admin.close();
});

test("an empty list of subjects allows nothing", async () => {
  const permissions = { publish: { allow: [] }, subscribe: { allow: ["_INBOX.>"] } };
  await using nats = await startNats({ users: [ADMIN, { user: "x", password: "secret", permissions }] });
  const admin = await connect({ servers: nats.url, user: "admin", pass: "secret" });
  const limited = await connect({ servers: nats.url, user: "x", pass: "secret" });
  const seen: string[] = [];
  admin.subscribe("some.>", { callback: (_, message) => void seen.push(message.subject) });
  await admin.flush();
  limited.publish("some.thing");
  await limited.flush();
  await admin.flush();
  expect(seen).toEqual([]);
  await limited.close();
  await admin.close();
});

test("a wrong password is refused", async () => {
  await using nats = await startNats({ users: [ADMIN] });
  await expect(connect({ servers: nats.url, user: "admin", pass: "wrong" })).rejects.toThrow(/authorization/i);
});

test.each([`quote " brace } back \\ slash`, "$HOME", "# // comment", "include 'x'", "ümläut €"])(
  "a password %j is taken as it is",
  async (password) => {
    await using nats = await startNats({ users: [{ user: password, password }] });
    const connection = await connect({ servers: nats.url, user: password, pass: password });
    await connection.close();
  },
);

test("a control character is refused", () => {
  const render = (): string =>
    renderNatsConf({
      serverName: "n",
      host: "127.0.0.1",
      port: -1,
      monitorPort: undefined,
      users: [{ user: "a", password: "x\ny" }],
      cluster: undefined,
      syncAlways: true,
      maxPayloadBytes: 1024,
      files: { store: "/s", log: "/l", pid: "/p", portsDir: "/d" },
    });
  expect(render).toThrow(/control character/);
});
