import { expect, test } from "vitest";
import { agentOptionsFrom } from "./config.ts";

const ENV = { NATS_URL: "nats://localhost", JOBS_AGENT_ID: "alpha", JOBS_AGENT_STATE_DIR: "/state" };

test.each([
  ["zone=eu, role=web,gpu", { zone: "eu", role: "web", gpu: "" }],
  ["", {}],
  [undefined, undefined],
])("labels are read from JOBS_AGENT_LABELS=%j", (JOBS_AGENT_LABELS, labels) => {
  expect(agentOptionsFrom({ ...ENV, JOBS_AGENT_LABELS }).labels).toEqual(labels);
});

test.each(["=eu", "zone=e u", "zone=eu,zone=us", "name=web-1"])(
  "JOBS_AGENT_LABELS=%j is refused",
  (JOBS_AGENT_LABELS) => {
    expect(() => agentOptionsFrom({ ...ENV, JOBS_AGENT_LABELS })).toThrow(
      expect.objectContaining({ code: "config-invalid", field: "JOBS_AGENT_LABELS" }),
    );
  },
);
