/** What `/healthz` tells, to everybody. */
import type { DecidingLease } from "../duties/deciding-lease.ts";
import type { ViewMark } from "../projection/view-mark.ts";
import { VERSION } from "../version.ts";

export interface Health {
  readonly status: "ok" | "degraded";
  readonly server: string;
  readonly version: string;
  readonly nats: "connected" | "disconnected";
  readonly view: "current" | "stale";
  /** The deciding server, if there is one. */
  readonly deciding?: string;
}

export function healthOf({
  id,
  isConnected,
  mark,
  lease,
}: {
  id: string;
  isConnected: boolean;
  mark: ViewMark;
  lease: DecidingLease;
}): Health {
  const isCurrent = mark.isCurrent();
  const holder = lease.holder;
  return {
    status: isConnected && isCurrent && holder !== undefined ? "ok" : "degraded",
    server: id,
    version: VERSION,
    nats: isConnected ? "connected" : "disconnected",
    view: isCurrent ? "current" : "stale",
    ...(holder === undefined ? {} : { deciding: holder }),
  };
}
