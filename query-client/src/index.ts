export type * from './answer-types.js';
export {
  createQueryClient,
  type EventFilter,
  type QueryClient,
  type SavedOptions,
  type SavedParameters,
} from './client.js';
export type { FollowOptions } from './follow.js';
export { QueryError, type QueryErrorCode } from './query-error.js';
export type { CallOptions, ClientOptions } from './send.js';
export type {
  Annotation,
  AnnotationInput,
  CohortDetail,
  CohortInput,
  EstimateAnswer,
  EventItem,
  FilterInput,
  PeopleAnswer,
  PeopleQueryInput,
  QueryAnswer,
  QueryInput,
  SavedInput,
  SavedQuery,
} from '@sluice/contracts';
