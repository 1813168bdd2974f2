import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { connect } from "./node.ts";
import { viewOf } from "./testing/index.ts";

afterEach(() => void vi.useRealTimers());

/** A server that begins each answer, and then does what the test says. */
async function startServer(answer: (response: ServerResponse) => void) {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "application/json" });
    answer(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    jobs: connect({ url, token: "t" }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("a server that stops in the middle of its answer is waited for no longer than was said", async () => {
  await using server = await startServer((response) => response.write('{"run":'));
  const late = { code: "server-unreachable", message: expect.stringContaining("did not come within 0.1 s") as string };
  await expect(server.jobs.getRun("abcdefgh12345678", { timeoutMs: 100 })).rejects.toMatchObject(late);
});

test.each([Infinity, 30 * 24 * 3_600_000])("an answer may be waited for %s ms", async (timeoutMs) => {
  let answer: (() => void) | undefined;
  await using server = await startServer((response) => (answer = () => response.end(JSON.stringify(viewOf()))));
  const called = server.jobs.getRun(viewOf().run, { timeoutMs });
  called.catch(() => undefined); // it is looked at below
  await expect.poll(() => answer).toBeDefined();
  answer?.();
  expect(await called).toEqual(viewOf());
});

test("a signal ends a call in the middle of its answer, too, with its reason", async () => {
  const controller = new AbortController();
  await using server = await startServer((response) =>
    response.write('{"run":', () => controller.abort(new Error("enough"))),
  );
  await expect(server.jobs.getRun("abcdefgh12345678", { signal: controller.signal })).rejects.toThrow("enough");
});

test("the content of a file may take as long as it takes", async () => {
  const times = {
    submittedAt: "2026-11-23T10:00:00.000Z",
    endedAt: "2026-11-23T10:01:00.000Z",
    settledAt: "2026-11-23T10:01:01.000Z",
  };
  // The SHA-256 of "kept".
  const sha256 = "79f076abdd19a752db7267bfff2f9022161d120dea919fdaca2ffdfc24ca8c96";
  const artifacts = [{ name: "a", sizeBytes: 4, sha256 }];
  const view = viewOf({ state: "completed", times, output: { location: "x", artifacts } });
  let finish: (() => void) | undefined;
  let requests = 0;
  await using server = await startServer((response) => {
    if (requests++ === 0) return void response.end(JSON.stringify(view));
    response.write("ke");
    finish = () => response.end("pt");
  });
  const [artifact] = await (await server.jobs.run(view.run)).artifacts();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const content = artifact?.open();
  await content;
  vi.advanceTimersByTime(3_600_000);
  finish?.();
  expect(await new Response(await content).text()).toBe("kept");
});
