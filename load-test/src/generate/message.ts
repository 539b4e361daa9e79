/** A message as a client of the tracking API sends it. */
export interface TrafficMessage {
  type: 'track' | 'identify' | 'page' | 'screen' | 'group';
  messageId: string;
  /** ISO 8601, by the client's clock. */
  timestamp: string;
  anonymousId: string;
  userId?: string | undefined;
  groupId?: string;
  event?: string;
  name?: string;
  category?: string;
  properties?: Record<string, unknown>;
  traits?: Record<string, unknown>;
  context: Record<string, unknown>;
}
