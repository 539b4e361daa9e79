import type {
  EstimateAnswer,
  PeopleAnswer,
  PeopleQueryInput,
  QueryAnswer,
  QueryInput,
} from '@sluice/contracts';

/** An estimate where the request asks for one; either where that is only known when it runs. */
type OrEstimate<Request, Answer> = Request extends { dry_run: infer DryRun }
  ? DryRun extends true
    ? EstimateAnswer
    : DryRun extends false | undefined
      ? Answer
      : Answer | EstimateAnswer
  : Answer;

/** Also what was written `as const`. */
type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;

/** Any question, as it is sent. */
export type Question = Frozen<QueryInput>;
/** Any question for people. */
export type PeopleQuestion = Frozen<PeopleQueryInput>;

/** What a question is answered with. */
export type AnswerTo<Q extends Question> = OrEstimate<Q, Extract<QueryAnswer, { kind: Q['kind'] }>>;

/** What `people` answers with. */
export type PeopleOf<Q extends PeopleQuestion> = OrEstimate<Q['query'], PeopleAnswer>;

/** An answer that is no estimate: what saved queries give. */
export type SavedAnswer = Exclude<QueryAnswer, EstimateAnswer>;
