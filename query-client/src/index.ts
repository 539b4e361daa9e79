export type * from './answer-types.js';
export {
  createQueryClient,
  type AnomalyChoice,
  type ChurnFilter,
  type EventFilter,
  type QueryClient,
  type SavedOptions,
  type SavedParameters,
} from './client.js';
export type { FollowOptions } from './follow.js';
export { QueryError, type QueryErrorCode } from './query-error.js';
export type { CallOptions, ClientOptions } from './send.js';
export type {
  Anomaly,
  AnomalyDetail,
  Annotation,
  AnnotationInput,
  BandAnswer,
  ChannelInput,
  ChurnDefinitionInput,
  ChurnModelAnswer,
  ChurnPage,
  ChurnPerson,
  CohortDetail,
  CohortInput,
  EstimateAnswer,
  EventItem,
  FilterInput,
  ForecastAnswer,
  PeopleAnswer,
  PeopleQueryInput,
  QueryAnswer,
  QueryInput,
  SavedInput,
  SavedQuery,
  SimulateInput,
  Simulation,
  WatchInput,
} from '@sluice/contracts';
