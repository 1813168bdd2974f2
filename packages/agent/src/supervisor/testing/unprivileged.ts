const NOBODY = 65_534;

/** Does something as a user whom the modes of files hold back: root they do not. */
export async function unprivileged<Result>(act: () => Promise<Result>): Promise<Result> {
  if (process.geteuid?.() !== 0) return act();
  process.seteuid?.(NOBODY);
  try {
    return await act();
  } finally {
    process.seteuid?.(0);
  }
}
