import { Readable } from "node:stream";
/** The file store over HTTP: agents put and get single objects with a signed URL and nothing else. */
import { JobsError, operations } from "@jobs/core";
import { artifactKey, verifyGrant, type ArtifactStore } from "@jobs/core/artifacts";
import type { FastifyInstance } from "fastify";
import type { Runs } from "../projection/runs.ts";
import type { Auth } from "./auth.ts";
import { parseInput } from "./input.ts";

export interface ObjectRoutesOptions {
  readonly artifacts: ArtifactStore;
  readonly secret: string;
  readonly auth: Auth;
  readonly runs: Runs;
  readonly nowMs: () => number;
}

/** On a part of the app of its own: what is sent here is bytes. */
export function registerObjectRoutes(app: FastifyInstance, options: ObjectRoutesOptions): void {
  const { artifacts, secret, auth, runs, nowMs } = options;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));

  app.put<{ Params: { "*": string }; Querystring: Record<string, string> }>("/v1/objects/*", async (request, reply) => {
    const grant = verifyGrant(secret, { method: "PUT", key: request.params["*"], query: request.query }, nowMs());
    if (grant?.sizeBytes === undefined || grant.sha256 === undefined) throw refused();
    await artifacts.put(grant.key, bodyOf(request.body), { sizeBytes: grant.sizeBytes, sha256: grant.sha256 });
    return reply.code(204).send();
  });

  app.get<{ Params: { "*": string }; Querystring: Record<string, string> }>("/v1/objects/*", async (request, reply) => {
    const grant = verifyGrant(secret, { method: "GET", key: request.params["*"], query: request.query }, nowMs());
    if (grant === undefined) throw refused();
    return reply
      .type("application/octet-stream")
      .send(Readable.from(await artifacts.get(grant.key), { objectMode: false }));
  });

  app.get<{ Params: { run: string; "*": string } }>("/v1/runs/:run/artifacts/*", async (request, reply) => {
    auth.fromHeaders(request.headers);
    const view = await runs.get(request.params.run);
    const asked = parseInput(operations.listArtifacts.input.omit({ run: true }), request.query);
    const { attempt, artifacts: files } = await runs.artifacts(view.run, asked.attempt);
    const artifact = files.find(({ name }) => name === request.params["*"]);
    if (artifact === undefined) {
      const message = `Run ${view.run} has no artifact “${request.params["*"]}”${view.times.settledAt === undefined ? " yet: it is not settled" : ""}.`;
      throw new JobsError("artifact-unknown", message, { field: "artifact" });
    }
    const bytes = await artifacts.get(artifactKey({ job: view.job, run: view.run, attempt }, artifact.name));
    return reply
      .type("application/octet-stream")
      .header("content-length", artifact.sizeBytes)
      .header(
        "content-disposition",
        `attachment; filename*=UTF-8''${encodeURIComponent(artifact.name.split("/").at(-1) ?? "")}`,
      )
      .header("jobs-sha256", artifact.sha256)
      .send(Readable.from(bytes, { objectMode: false }));
  });
}

function bodyOf(body: unknown): AsyncIterable<Uint8Array> {
  return body instanceof Readable ? body : Readable.from([]);
}

function refused(): JobsError {
  return new JobsError("upload-refused", "The URL is not valid, or too old: ask for a new one.");
}
