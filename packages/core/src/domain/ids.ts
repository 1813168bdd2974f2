import { z } from "zod";

/** A run's id: lower-case letters and digits; one subject token; never re-used. */
export const RunId = z.string().regex(/^[a-z0-9]{8,40}$/, "A run's id has 8 to 40 lower-case letters and digits.");

/** An agent's id: one subject token that never changes, unlike its name. */
export const AgentId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "An agent's id has up to 63 of a-z, 0-9 and -.");

/** An instant: RFC 3339 in UTC with milliseconds. */
export const Instant = z.iso.datetime();
