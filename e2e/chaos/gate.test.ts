import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { Gate } from "./gate.ts";

/** A server that answers each piece with the same bytes. */
async function echoServer() {
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined).on("data", (bytes) => heard.push(String(bytes)));
    socket.pipe(socket);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `nats://127.0.0.1:${port}`, heard, [Symbol.dispose]: () => void server.close() };
}

async function through(gate: Gate) {
  const socket = connect(Number(new URL(gate.url).port), "127.0.0.1").on("error", () => undefined);
  await once(socket, "connect");
  const say = async (text: string): Promise<string> => {
    socket.write(text);
    return String((await once(socket, "data"))[0]);
  };
  return { socket, say };
}

test("an open gate lets bytes pass; a frozen one keeps them until it opens again", async () => {
  using echo = await echoServer();
  await using gate = await Gate.to(echo.url);
  const { say, socket } = await through(gate);
  expect(await say("one")).toBe("one");
  gate.set("frozen");
  let isAnswered = false;
  const answer = say("two").finally(() => (isAnswered = true));
  // Whatever a connection of its own may need on the way there and back, this one would have needed, too.
  expect(await (await through(await Gate.to(echo.url))).say("meanwhile")).toBe("meanwhile");
  expect(isAnswered).toBe(false);
  gate.set("open");
  expect(await answer).toBe("two");
  socket.destroy();
});

test("through a deaf gate bytes reach the server, and what it answers comes once it is open again", async () => {
  using echo = await echoServer();
  await using gate = await Gate.to(echo.url);
  const { say, socket } = await through(gate);
  expect(await say("one")).toBe("one");
  gate.set("deaf");
  let isAnswered = false;
  const answer = say("two").finally(() => (isAnswered = true));
  await expect.poll(() => echo.heard).toEqual(["one", "two"]);
  expect(isAnswered).toBe(false);
  gate.set("open");
  expect(await answer).toBe("two");
  socket.destroy();
});

test("a gate that refuses breaks what is connected, and what connects", async () => {
  using echo = await echoServer();
  await using gate = await Gate.to(echo.url);
  const { socket, say } = await through(gate);
  expect(await say("one")).toBe("one");
  gate.set("refused");
  await once(socket, "close");
  const next = await through(gate);
  await once(next.socket, "close");
  gate.set("open");
  expect(await (await through(gate)).say("three")).toBe("three");
});
