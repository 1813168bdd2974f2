import { homedir } from "node:os";
/**
 * The whole stack inside a tool: nats-server, server and agent start with it and stop with it. Runs are remembered in
 * the data folder.
 *
 *   node index.mjs [data folder]
 */
import { defaultCacheDir, startLocal } from "@jobs/local";
import { connect } from "@jobs/sdk";

const local = await startLocal({
  dataDir: process.argv[2] ?? ".jobs-embedded",
  cacheDir: defaultCacheDir(process.env, homedir()),
  env: process.env,
});
try {
  const jobs = connect({ url: local.url, token: local.token });
  const run = await jobs.submitJob({
    name: "count-to-three",
    script: 'for n in 1 2 3; do echo "$n"; sleep 0.2; done',
    on: local.agentName,
  });
  for await (const { text } of run.logs()) process.stdout.write(text);

  const { sentence } = await run.result();
  const runs = await jobs.listRuns({ job: "count-to-three" });
  console.log(`${sentence} Runs so far: ${runs.length}.`);
} finally {
  await local.stop(); // nothing is left running
}
