/**
 * A small backup tool that embeds the SDK: it packs a folder of a host there, shows the log as it comes, and fetches
 * the archive.
 *
 *   JOBS_URL=… JOBS_TOKEN=… node index.mjs <agent> <folder on that host> <file to write>
 */
import { JobsError, submitJob } from "@jobs/sdk";

const [agent, folder, file] = process.argv.slice(2);
if (agent === undefined || folder === undefined || file === undefined) {
  console.error("usage: node index.mjs <agent> <folder on that host> <file to write>");
  process.exit(64);
}

const script = `
set -e
echo "packing $FOLDER on $(uname -n)"
tar -czf "$JOBS_OUTPUT/backup.tar.gz" -C "$FOLDER" .
echo "packed $(du -h "$JOBS_OUTPUT/backup.tar.gz" | cut -f1)"
`;

try {
  // The name is the job: while one backup of this folder runs, a second one is rejected.
  const run = await submitJob({ name: `backup ${folder}`, script, on: agent, env: { FOLDER: folder } });
  for await (const { bytes } of run.logs()) process.stdout.write(bytes);

  const { state, exitCode, sentence } = await run.result();
  console.log(sentence);
  if (state !== "completed") process.exit(exitCode ?? 1);

  const archive = (await run.artifacts()).find(({ name }) => name === "backup.tar.gz");
  if (archive === undefined) throw new Error("the script left no archive");
  await archive.toFile(file); // checked against the host's size and SHA-256
  console.log(`${file}: ${archive.sizeBytes} bytes, sha256 ${archive.sha256}`);
} catch (error) {
  if (!(error instanceof JobsError)) throw error;
  // The message says what to do; the code is stable, for programs.
  console.error(error.code === "job-busy" ? `A backup of ${folder} runs already. ${error.message}` : error.message);
  process.exitCode = 1;
}
