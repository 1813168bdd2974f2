import { expect, test } from "vitest";
import { Auth } from "./auth.ts";

test("an empty token is nobody's, whatever the server was given", () => {
  const auth = new Auth([
    { name: "ci", token: "abc" },
    { name: "token", token: "" },
  ]);
  expect(auth.fromUpgrade({ "sec-websocket-protocol": "jobs.v1, jobs.token.abc" })).toBe("ci");
  for (const protocols of ["jobs.v1, jobs.token.", "jobs.v1"])
    expect(() => auth.fromUpgrade({ "sec-websocket-protocol": protocols })).toThrow(
      expect.objectContaining({ code: "unauthenticated" }) as Error,
    );
});
