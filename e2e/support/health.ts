/** What `/healthz` answers; the fields that tests look at. */
export interface HealthAnswer {
  readonly httpStatus: number;
  readonly status?: string;
  readonly server?: string;
  readonly nats?: string;
  readonly view?: string;
  readonly deciding?: string;
}

/** Asks once, without a token. */
export async function healthOf(url: string): Promise<HealthAnswer> {
  const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) });
  return { httpStatus: response.status, ...((await response.json()) as object) };
}
