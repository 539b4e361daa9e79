export { configOf, GATEWAY_DEFAULTS, gatewaySettings, type GatewayConfig } from './config.js';
export { createGateway, type Gateway, type GatewayOptions } from './gateway.js';
export { runGateway } from './run-gateway.js';
