import { subjects } from "../protocol/subjects.ts";
import { STREAMS } from "./topology.ts";

/** What a NATS user may publish and subscribe to. */
export interface NatsPermissions {
  readonly publish: { readonly allow: readonly string[] };
  readonly subscribe: { readonly allow: readonly string[] };
}

/** The prefix of the replies to an agent: it may hear nobody else's. */
export function agentInboxPrefix(agent: string): string {
  return `_INBOX_${agent}`;
}

/**
 * All that an agent may do in NATS: say what is its own, pull from its own inbox, read its own last beat. It may publish
 * to no bucket and to no stream with roll-up or schedules: one subject would be enough to wipe such a stream.
 */
export function agentPermissions(agent: string): NatsPermissions {
  return {
    publish: {
      allow: [
        subjects.agent.all(agent),
        `$JS.API.CONSUMER.MSG.NEXT.${STREAMS.inbox}.${agent}`,
        `$JS.ACK.${STREAMS.inbox}.${agent}.>`,
        `$JS.ACK.*.*.${STREAMS.inbox}.${agent}.>`,
        `$JS.API.DIRECT.GET.${STREAMS.beats}.${subjects.agent.beat(agent)}`,
      ],
    },
    subscribe: { allow: [`${agentInboxPrefix(agent)}.>`] },
  };
}
