/** Connections of tests: closed by `await using`. */
import { connectNats, ensureTopology, type NatsLink, type NatsOptions } from "../jetstream/index.ts";

export type OpenLink = NatsLink & AsyncDisposable;

/** A connection to servers that have the streams, or get them now. */
export async function openStores(
  nats: { readonly url: string },
  options: Partial<NatsOptions> = {},
): Promise<OpenLink> {
  const link = await openLink(nats, options);
  await ensureTopology(link, () => 1);
  return link;
}

export async function openLink(
  { url }: { readonly url: string },
  options: Partial<NatsOptions> = {},
): Promise<OpenLink> {
  const link = await connectNats({ url, name: "test", ...options });
  return { ...link, [Symbol.asyncDispose]: () => link.connection.close() };
}
