/** The native half of node-pty: the package's own typings name another module and leave it out. Linux only. */
declare module "node-pty" {
  export const native: {
    /** Forks `file` as leader of a new session on a new pty. @throws Error without a code when there is no room */
    fork(
      file: string,
      args: readonly string[],
      environment: readonly string[],
      directory: string,
      columns: number,
      rows: number,
      uid: number,
      gid: number,
      isUtf8: boolean,
      helperPath: string,
      onExit: (exitCode: number, signal: number) => void,
    ): { readonly fd: number; readonly pid: number; readonly pty: string };
  };
}
