/**
 * Faults that the simulation must find: each takes one defence away by changing a line of the product's code while it is
 * bundled, so that nothing of it can ever ship. Where a second defence would catch what the first one lets through, both
 * are taken away, and `about` says so.
 */
import { AGENT_FAULTS } from "./agent-faults.ts";
import { DECISION_FAULTS } from "./decision-faults.ts";
import { LOSS_FAULTS } from "./loss-faults.ts";
import { ORDER_FAULTS } from "./order-faults.ts";
import { SCHEDULE_FAULTS } from "./schedule-faults.ts";
import { STORE_FAULTS } from "./store-faults.ts";
import { WAITING_FAULTS } from "./waiting-faults.ts";

export type { Fault } from "./fault.ts";

export const FAULTS = {
  ...STORE_FAULTS,
  ...DECISION_FAULTS,
  ...AGENT_FAULTS,
  ...WAITING_FAULTS,
  ...LOSS_FAULTS,
  ...ORDER_FAULTS,
  ...SCHEDULE_FAULTS,
};

export type FaultName = keyof typeof FAULTS;
