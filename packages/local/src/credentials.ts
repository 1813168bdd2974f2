import { randomBytes } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
/** The secrets of a data folder: made on its first start, kept in one file that only its owner may read. */
import { AgentId, JobsError } from "@jobs/core";
import { z } from "zod";

const Credentials = z.looseObject({
  v: z.literal(1),
  /** Never changes: the agent's journal and the runs in the history go by it. */
  agentId: AgentId,
  /** Access token for the server; base64url, so that it may be a WebSocket's subprotocol. */
  token: z.string().min(1),
  /** Signs upload URLs. */
  secret: z.string().min(16),
  natsServerPassword: z.string().min(1),
  natsAgentPassword: z.string().min(1),
});
export type Credentials = z.infer<typeof Credentials>;

/** Reads `credentials.json` of a data folder, or makes it. Throws `config-invalid` when it is not what was written. */
export async function loadCredentials(dataDir: string): Promise<Credentials> {
  const file = join(dataDir, "credentials.json");
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new JobsError("config-invalid", `${file} cannot be read: ${error.message}`, { cause: error });
  });
  if (text === undefined) return await write(file, make());
  try {
    return Credentials.parse(JSON.parse(text));
  } catch (cause) {
    const message = `${file} is damaged: restore it, or start with another data folder.`;
    throw new JobsError("config-invalid", message, { cause });
  }
}

function make(): Credentials {
  const secret = (): string => randomBytes(24).toString("base64url");
  return {
    v: 1,
    agentId: `local-${randomBytes(6).toString("hex")}`,
    token: secret(),
    secret: secret(),
    natsServerPassword: secret(),
    natsAgentPassword: secret(),
  };
}

/** Synced before it takes its name: what the store holds is of no use without it. */
async function write(file: string, credentials: Credentials): Promise<Credentials> {
  const beside = `${file}.new`;
  const handle = await open(beside, "w", 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(credentials, undefined, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
  return credentials;
}
