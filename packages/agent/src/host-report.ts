import { access, constants, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { HostReport } from "@jobs/core";

export interface Host {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly slots: number;
  readonly labels: Readonly<Record<string, string>>;
  /** That scripts get. */
  readonly path: string;
}

/** What this host is and has, with every program on the PATH that scripts get. */
export async function hostReport(options: Host): Promise<HostReport> {
  const folders = programFolders(options.path);
  const programs = new Set<string>();
  await Promise.all(folders.map(async (folder) => (await programsIn(folder)).forEach((name) => programs.add(name))));
  const { id, name, version, slots, labels } = options;
  return {
    v: 1,
    agent: id,
    name,
    version,
    slots,
    labels: { ...labels },
    path: [...folders],
    programs: [...programs].sort(),
    holdsStarts: true,
  };
}

export function programFolders(path: string): readonly string[] {
  return [...new Set(path.split(":").filter((folder) => folder.startsWith("/")))];
}

async function programsIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []); // a folder on the PATH need not exist
  const isProgram = await Promise.all(
    names.map((name) =>
      access(join(folder, name), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return names.filter((_, index) => isProgram[index]);
}
