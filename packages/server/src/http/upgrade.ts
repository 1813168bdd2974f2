import { IncomingMessage } from "node:http";

/**
 * A request whose offer to go on in another protocol than WebSocket is passed over, as HTTP asks for: some clients offer
 * `h2c` with each request. Node takes every offer, once there is a listener for one; it asks for `upgrade` when it has
 * the headers.
 */
export class UpgradeableRequest extends IncomingMessage {
  declare isOffered: boolean | null;

  get upgrade(): boolean {
    return this.isOffered === true && (this.headers.upgrade ?? "").toLowerCase() === "websocket";
  }

  set upgrade(isOffered: boolean | null) {
    this.isOffered = isOffered;
  }
}
