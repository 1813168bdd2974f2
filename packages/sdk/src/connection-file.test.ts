import { mkdtemp, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connectionFilePath, findConnection, writeConnection } from "./connection-file.ts";

test("the file is where JOBS_CONFIG says, else where the XDG rules say", () => {
  expect(connectionFilePath({ HOME: "/home/ada", JOBS_CONFIG: "here/connection.json" })).toBe("here/connection.json");
  expect(connectionFilePath({ HOME: "/home/ada", XDG_CONFIG_HOME: "/conf" })).toBe("/conf/jobs/config.json");
  expect(connectionFilePath({ HOME: "/home/ada", XDG_CONFIG_HOME: "relative" })).toBe(
    "/home/ada/.config/jobs/config.json",
  );
  expect(connectionFilePath({ HOME: "/home/ada" })).toBe("/home/ada/.config/jobs/config.json");
});

test("a written connection is found again, and only its owner may read it", async () => {
  const path = join(await mkdtemp(join(tmpdir(), "sdk-")), "deep", "config.json");
  expect(await findConnection(path)).toBeUndefined();
  await writeConnection(path, { url: "http://127.0.0.1:1", token: "t" });
  expect(await findConnection(path)).toEqual({ url: "http://127.0.0.1:1", token: "t" });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test("a file of another form is an error that names it", async () => {
  const path = join(await mkdtemp(join(tmpdir(), "sdk-")), "config.json");
  await writeFile(path, "url = x");
  await expect(findConnection(path)).rejects.toMatchObject({
    code: "config-invalid",
    message: expect.stringContaining(path),
  });
});
