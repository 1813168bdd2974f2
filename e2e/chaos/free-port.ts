import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

/** A port of the loopback that is free now: for a server that must come back at the same address. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const closed = once(server, "close");
  server.close();
  await closed;
  return port;
}
