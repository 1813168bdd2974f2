/** Takes the place of `@nats-io/kv`: a put into a bucket. */
import type { JetStreamClient } from "./nats-jetstream.ts";

export interface KV {
  put(key: string, value: string): Promise<void>;
}

export class Kvm {
  readonly #client: JetStreamClient;

  constructor(client: JetStreamClient) {
    this.#client = client;
  }

  open(bucket: string): Promise<KV> {
    return Promise.resolve({
      put: async (key: string, value: string): Promise<void> => {
        await this.#client.publish(`$KV.${bucket}.${key}`, value);
      },
    });
  }
}
