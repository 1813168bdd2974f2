/** What `/healthz` tells, to everybody. */
import type { DecidingLease } from "../duties/deciding-lease.ts";
import type { ViewMark } from "../projection/view-mark.ts";
import { VERSION } from "../version.ts";

export interface Health {
  /** `stopping`: what comes is still answered, and should go to other servers. */
  readonly status: "ok" | "degraded" | "stopping";
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
  isStopping,
  mark,
  lease,
}: {
  id: string;
  isConnected: boolean;
  isStopping: boolean;
  mark: ViewMark;
  lease: DecidingLease;
}): Health {
  const isCurrent = mark.isCurrent();
  const holder = lease.holder;
  return {
    status: isStopping ? "stopping" : isConnected && isCurrent && holder !== undefined ? "ok" : "degraded",
    server: id,
    version: VERSION,
    nats: isConnected ? "connected" : "disconnected",
    view: isCurrent ? "current" : "stale",
    ...(holder === undefined ? {} : { deciding: holder }),
  };
}
