import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { Spool } from "./spool.ts";

const PIECE_BYTES = 64 * 1024;
const DISK_BYTES = 8 * 1024 * 1024;

test.skipIf(process.getuid?.() !== 0)(
  "a log that grows stops before the disk is full, and a short one is still kept",
  async () => {
    const disk = await mkdtemp(join(tmpdir(), "jobs-spool-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", disk]);
    try {
      const dropped: string[] = [];
      const open = async (name: string): Promise<Spool> =>
        Spool.open({
          path: join(disk, name),
          onWritten: () => undefined,
          onPressure: () => undefined,
          onDropped: (error) => dropped.push(String(error)),
        });
      const long = await open("long");
      for (let at = 0; at < 2 * DISK_BYTES; at += PIECE_BYTES) {
        long.push(Buffer.alloc(PIECE_BYTES, "x"));
        // Else all would be one write.
        await vi.waitFor(() => expect(long.log.lengthBytes + (long.log.droppedBytes ?? 0)).toBe(at + PIECE_BYTES), {
          interval: 1,
          timeout: 10_000,
        });
      }
      const log = await long.close();
      expect(log.sha256).toBeUndefined();
      expect(log.lengthBytes).toBeGreaterThan(DISK_BYTES / 2);
      expect(log.lengthBytes + (log.droppedBytes ?? 0)).toBe(2 * DISK_BYTES);
      expect(await readFile(join(disk, "long"))).toHaveLength(log.lengthBytes);
      expect(dropped).toEqual(["Error: the disk is almost full"]);
      const short = await open("short");
      short.push(Buffer.alloc(PIECE_BYTES, "x"));
      expect(await short.close()).toMatchObject({
        lengthBytes: PIECE_BYTES,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
    } finally {
      execFileSync("umount", ["--lazy", disk]);
      await rm(disk, { recursive: true });
    }
  },
);
