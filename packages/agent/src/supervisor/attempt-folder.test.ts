import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AttemptFolder } from "./attempt-folder.ts";
import { unprivileged } from "./testing/unprivileged.ts";

test("what most attempts leave is gone at once, also when output was shipped", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "jobs-folder-"));
  const folder = new AttemptFolder(stateDir, "run-1.1");
  folder.create("true\n");
  folder.handOutScript();
  await writeFile(folder.spoolPath, "output");
  await writeFile(folder.shippedPath, "6");
  const removed = folder.remove();
  expect(existsSync(folder.path)).toBe(false);
  await removed;
  await rm(stateDir, { recursive: true });
});

test("folders go however deep they are, and whatever their names", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "jobs-folder-"));
  const folder = new AttemptFolder(stateDir, "run-1.1");
  folder.create("true\n");
  const script = `name=$(printf '\\377%0199d'); for i in $(seq 40); do mkdir $name && cd -P $name && > file || exit 1; done`;
  execFileSync("bash", ["-c", script], { cwd: folder.workDir });
  await folder.remove();
  expect(existsSync(folder.path)).toBe(false);
  await rm(stateDir, { recursive: true });
});

test("folders that a script has closed go, and nothing that a link leads to is touched", () =>
  unprivileged(async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "jobs-folder-"));
    const folder = new AttemptFolder(stateDir, "run-1.1");
    folder.create("true\n");
    const [closed, elsewhere] = [join(folder.workDir, "closed"), join(stateDir, "elsewhere")];
    await mkdir(join(closed, "deep"), { recursive: true });
    await writeFile(join(closed, "deep", "file"), "x");
    await mkdir(elsewhere, { mode: 0o500 });
    await writeFile(join(stateDir, "other"), "x");
    await symlink(elsewhere, join(closed, "link"));
    await symlink(stateDir, join(closed, "up"));
    await chmod(join(closed, "deep"), 0o000);
    await chmod(closed, 0o500);
    await folder.remove();
    expect(existsSync(folder.path)).toBe(false);
    expect((await stat(elsewhere)).mode & 0o777).toBe(0o500);
    expect(existsSync(join(stateDir, "other"))).toBe(true);
    await rm(stateDir, { recursive: true });
  }));

test("others have their turn while very many files go", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "jobs-folder-"));
  const folder = new AttemptFolder(stateDir, "run-1.1");
  folder.create("true\n");
  execFileSync("bash", ["-c", "mkdir deep && cd deep && seq 30000 | xargs touch"], { cwd: folder.workDir });
  let turns = 0;
  const counting = setInterval(() => turns++, 1);
  await folder.remove();
  clearInterval(counting);
  expect(existsSync(folder.path)).toBe(false);
  // `rm` alone lets them have a few.
  expect(turns).toBeGreaterThan(100);
  await rm(stateDir, { recursive: true });
});
