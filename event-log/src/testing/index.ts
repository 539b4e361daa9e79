export { KAFKA_VERSION, KafkaMissingError, provisionKafka } from './provision-kafka.js';
export type { KafkaInstallation, ProvisionKafkaOptions } from './provision-kafka.js';
export { startKafkaBroker } from './kafka-broker.js';
export type { KafkaBroker, StartKafkaBrokerOptions } from './kafka-broker.js';
