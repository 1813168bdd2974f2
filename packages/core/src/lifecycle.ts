/** Something with a life: started once, stopped once; both may be called again without harm. */
export interface Service extends AsyncDisposable {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts services in order; when one fails, those already started are stopped in reverse and its error is thrown. */
export async function startAll(services: readonly Service[]): Promise<void> {
  const started: Service[] = [];
  try {
    for (const service of services) {
      started.push(service);
      await service.start();
    }
  } catch (error) {
    await stopAll(started).catch(() => undefined); // the first failure is the one to report
    throw error;
  }
}

/** Stops services in reverse order, all of them even when some fail; then throws the first failure. */
export async function stopAll(services: readonly Service[]): Promise<void> {
  const failures: unknown[] = [];
  for (const service of services.toReversed()) {
    await service.stop().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}
