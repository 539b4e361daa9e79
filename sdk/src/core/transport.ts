/** What came back of a request, or did not. */
export type TransportAnswer =
  | {
      kind: 'answered';
      status: number;
      /** The Retry-After header as sent: seconds or an HTTP date. */
      retryAfter: string | null;
      body: string;
    }
  /** No answer: offline, reset, blocked or timed out. The server may have stored the messages all the same. */
  | { kind: 'failed'; reason: string };

/** Sends a batch body to `/v1/b`. Never rejects. */
export type Transport = (
  body: string,
  options: { timeoutMs: number; keepalive?: boolean },
) => Promise<TransportAnswer>;
