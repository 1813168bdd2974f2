/** What each operation of the table says of itself, and what several of them share. */
import { z } from "zod";
import { RunView } from "./views.ts";

export interface Operation {
  readonly method: "GET" | "POST" | "DELETE";
  /** Path with `{parameters}`, which are part of the input. */
  readonly path: string;
  readonly summary: string;
  readonly input: z.ZodType;
  readonly output: z.ZodType;
  readonly successStatus: 200 | 201;
}

export const Note = z.string().max(1_000).optional();
export const Submitted = z.object({ run: RunView, known: z.boolean() });
