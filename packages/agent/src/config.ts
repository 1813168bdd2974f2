import { availableParallelism, hostname } from "node:os";
import { AgentId, parseEnvironment } from "@jobs/core";
import type { NatsOptions } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import { z } from "zod";

/** What an agent needs; a tool that embeds one gives it, `main` reads it from the environment. */
export interface AgentOptions {
  readonly nats: Omit<NatsOptions, "name" | "inboxPrefix">;
  /** What never changes of this agent: the token in its subjects, and its NATS user's permissions. */
  readonly id: string;
  /** What people call it; the host's name if not given. */
  readonly name?: string | undefined;
  /** Journal, spools and outputs; must outlive the agent. */
  readonly stateDir: string;
  /** How many attempts at once; four a core if not given. */
  readonly slots?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** The environment of the agent; scripts get PATH, LANG, TZ and TMPDIR of it, and no more: HOME and USER are those of its account, or HOME is the agent's where its user has none. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log?: Logger | undefined;
}

const LABEL = /^([\w./:@-]+)(?:=([\w./:@-]*))?$/;

/** `zone=eu,gpu`: a label without a value has the empty one. */
const Labels = z.string().transform((text, check): Record<string, string> => {
  const labels: Record<string, string> = {};
  for (const part of text.split(",").map((one) => one.trim())) {
    const [, key, value = ""] = LABEL.exec(part) ?? [];
    if (key !== undefined && key !== "name" && !Object.hasOwn(labels, key)) labels[key] = value;
    else if (part !== "")
      check.addIssue({ code: "custom", message: `“${part}” is no label: write key=value, each key once, not “name”` });
  }
  return labels;
});

const Environment = z.object({
  NATS_URL: z.string().min(1),
  NATS_USER: z.string().optional(),
  NATS_PASSWORD: z.string().optional(),
  JOBS_AGENT_ID: AgentId,
  JOBS_AGENT_NAME: z.string().min(1).default(hostname()),
  JOBS_AGENT_STATE_DIR: z.string().min(1),
  JOBS_AGENT_LABELS: Labels.optional(),
  JOBS_AGENT_SLOTS: z.coerce.number().int().min(1).default(defaultSlots()),
});

export function defaultSlots(): number {
  return 4 * availableParallelism();
}

/** Reads an agent's options from environment variables; throws `config-invalid` that names the first wrong one. */
export function agentOptionsFrom(env: Readonly<Record<string, string | undefined>>): AgentOptions {
  const one = parseEnvironment(Environment, env);
  return {
    nats: { url: one.NATS_URL, user: one.NATS_USER, password: one.NATS_PASSWORD },
    id: one.JOBS_AGENT_ID,
    name: one.JOBS_AGENT_NAME,
    stateDir: one.JOBS_AGENT_STATE_DIR,
    slots: one.JOBS_AGENT_SLOTS,
    labels: one.JOBS_AGENT_LABELS,
    env,
  };
}
