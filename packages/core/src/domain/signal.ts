/** Signals by the names that hosts tell them by; of two names of one signal the usual one. */
export const SIGNAL_NAMES: ReadonlySet<string> = new Set(
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
    .split(" ")
    .map((name) => `SIG${name}`),
);

/** Also of one without a name: a host tells it by its number, `SIG34` to `SIG64`. */
export function isSignalName(text: string): boolean {
  return SIGNAL_NAMES.has(text) || /^SIG(3[2-9]|[45]\d|6[0-4])$/.test(text);
}
