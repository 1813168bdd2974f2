import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { platform } from "node:process";

/** All files of this name that a shell could run from `path` (the text of PATH), in its order. */
export async function findPrograms(name: string, path: string): Promise<string[]> {
  const fileName = platform === "win32" ? `${name}.exe` : name;
  const found: string[] = [];
  for (const dir of path.split(delimiter)) {
    const file = join(dir, fileName);
    if (isAbsolute(dir) && !found.includes(file) && (await isProgram(file))) found.push(file);
  }
  return found;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
