import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { freshName, startStack, TOKEN } from "./support/stack.ts";

const script = `
cd "$JOBS_OUTPUT"
echo hello > plain.txt
mkdir -p "a folder/deep" && printf 'x' > "a folder/deep/ünï *.bin"
: > empty
head -c 5000000 /dev/urandom > big
ln -s /etc/passwd link
echo done
`;

test("everything in $JOBS_OUTPUT is kept with its hash, listed, and fetched to a file and to a stream", async () => {
  await using stack = await startStack();
  const run = await stack.client.submitJob({ name: freshName(), script, on: "alpha" });
  const artifacts = await run.artifacts();
  expect(artifacts.map(({ name }) => name)).toEqual(["a folder/deep/ünï *.bin", "big", "empty", "plain.txt"]);
  const folder = await mkdtemp(join(stack.directory, "fetched-"));
  for (const [index, artifact] of artifacts.entries()) {
    const file = join(folder, String(index));
    await artifact.toFile(file);
    const bytes = await readFile(file);
    expect(bytes.length).toBe(artifact.sizeBytes);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(artifact.sha256);
  }
  expect(Buffer.from((await artifacts[3]?.bytes()) ?? []).toString()).toBe("hello\n");
  const { output } = await stack.client.getRun(run.id);
  const location = fileURLToPath(output?.location ?? "");
  expect(await readFile(join(location, "1", "artifacts", "plain.txt"), "utf8")).toBe("hello\n");
  expect(await readFile(join(location, "1", "log"), "utf8")).toBe("done\r\n");
});

test("a server that starts removes what a killed one had half written", async () => {
  await using stack = await startStack({ agents: [] });
  const incoming = join(stack.directory, "artifacts", "incoming");
  await mkdir(incoming, { recursive: true });
  await writeFile(join(incoming, "old"), "half");
  await utimes(join(incoming, "old"), 0, 0);
  await stack.startServer();
  await expect.poll(() => readdir(incoming)).toEqual([]);
});

test("an upload URL takes its one object and nothing else", async () => {
  await using stack = await startStack();
  const url = stack.servers[0]?.url ?? "";
  const put = (path: string): Promise<Response> =>
    fetch(url + path, { method: "PUT", body: "x", headers: { "content-type": "application/octet-stream" } });
  expect((await put("/v1/objects/runs/x/y/artifacts/z")).status).toBe(403);
  const later = Date.now() + 60_000;
  expect((await put(`/v1/objects/runs/x/y/artifacts/z?expires=${later}&size=1&sha256=00&signature=AAAA`)).status).toBe(
    403,
  );
  expect((await fetch(`${url}/v1/objects/runs/x`, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(403);
});

test("an unknown artifact and one of an unsettled run are told apart", async () => {
  await using stack = await startStack();
  const run = await stack.client.submitJob({ name: freshName(), script: "echo", on: "alpha" });
  await run.settled();
  const get = (path: string): Promise<Response> =>
    fetch(`${stack.servers[0]?.url}/v1/runs/${run.id}/artifacts/${path}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
  const answer = await get("nothing.txt");
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ error: { code: "artifact-unknown", field: "artifact" } });
  expect((await fetch(`${stack.servers[0]?.url}/v1/runs/${run.id}/artifacts/x`)).status).toBe(401);
});
