/** An exception in the words of ClickHouse, made by the bridge itself. */
export class BridgeError extends Error {
  override name = 'BridgeError';

  constructor(
    readonly code: number,
    readonly type: string,
    message: string,
  ) {
    super(message);
  }
}
