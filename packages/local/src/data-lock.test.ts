import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "vitest";
import { DataLock } from "./data-lock.ts";
import { DataFolder } from "./testing/data-folder.ts";

test("who asks for the holder and keeps its own end of the connection open does not keep it from stopping", async () => {
  await using folder = await DataFolder.make();
  const lock = new DataLock(folder.path);
  await lock.start();
  const hash = createHash("sha256").update(folder.path).digest("hex").slice(0, 24);
  const socket = connect({ path: `\0jobs-local-${hash}`, allowHalfOpen: true });
  socket.resume();
  await once(socket, "end");
  await lock.stop();
  socket.destroy();
});
