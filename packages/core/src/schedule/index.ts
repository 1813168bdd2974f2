export { blackoutTest } from "./blackout.ts";
export { findScheduleFault, findUnknown, type ScheduleFault } from "./fault.ts";
export { previewed, previewOf, previewSteps, type PreviewedSlot, type PreviewRange } from "./preview.ts";
export { hasOffset, nextFiring, nextSlot, slotsOf, type ExpectedSlot, type SlotRange } from "./slots.ts";
