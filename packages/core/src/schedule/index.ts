export { nextSlot, slotsOf, type ExpectedSlot, type SlotRange } from "./slots.ts";
