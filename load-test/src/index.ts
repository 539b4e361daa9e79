export { createApiClient, ApiError, type ApiClient } from './client/api-client.js';
export { createGatewayClient, type GatewayClient, type SendOutcome } from './client/gateway-client.js';
export { deliver } from './client/deliver.js';
export { sendTraffic, type TrafficReport } from './generate/send-traffic.js';
export { generateTraffic, type TrafficOptions } from './generate/traffic.js';
export type { TrafficMessage } from './generate/message.js';
export { startStandalone, type StandaloneInstance } from './instance/standalone-instance.js';
export { checkDelivery, type DeliveryReport } from './verify/check-delivery.js';
export { checkMessages, type MessagesReport } from './verify/check-messages.js';
