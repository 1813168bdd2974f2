/** Takes the place of the server's `websocket/follow.ts`: nobody follows here. */
export class FollowSockets {
  attach(): void {
    // nobody comes
  }

  stop(): void {
    // nobody came
  }
}
