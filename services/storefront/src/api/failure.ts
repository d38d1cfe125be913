/** A failure as the API tells it: by its UPPER_SNAKE reason (AIP-193), or one of our own. */
export class ApiFailure extends Error {
  /**
   * @param reason the API's reason; `UNREACHABLE` where no answer came, `UNREADABLE` where one
   *   came that is none of the API's, `PICTURE_MISSING` and `PICTURE_UNREADABLE` for pictures.
   * @param status the HTTP status; 0 without an answer.
   * @param retryAfterS when to try again, in seconds, where the API says so.
   */
  constructor(
    readonly reason: string,
    readonly status = 0,
    readonly retryAfterS: number | null = null,
  ) {
    super(reason);
    this.name = "ApiFailure";
  }

  /** Whether the same call may well succeed a little later. */
  get passes(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export function failureOf(response: Response, body: unknown): ApiFailure {
  const header = Number(response.headers.get("Retry-After") ?? Number.NaN);
  return new ApiFailure(
    reasonOf(body) ?? "UNREADABLE",
    response.status,
    Number.isFinite(header) ? header : null,
  );
}

function reasonOf(body: unknown): string | undefined {
  const details = (body as { error?: { details?: { reason?: unknown }[] } } | null)?.error?.details;
  const reason = Array.isArray(details) ? details[0]?.reason : undefined;
  return typeof reason === "string" ? reason : undefined;
}
