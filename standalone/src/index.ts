export { EXAMPLE_QUERY, start, type StartOptions } from './commands/start.js';
export { instancePath, readInstance, type Instance } from './instance-file.js';
export { standaloneGatewaySettings, standaloneWorkerSettings } from './settings.js';
