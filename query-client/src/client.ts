import type {
  Anomaly,
  AnomalyDetail,
  AnomalyFilter,
  AnomalyPage,
  Annotation,
  AnnotationInput,
  AnnotationList,
  Channel,
  ChannelDetail,
  ChannelInput,
  ChannelList,
  ChurnDefinitionAnswer,
  ChurnDefinitionInput,
  ChurnHorizon,
  ChurnJob,
  ChurnModelAnswer,
  ChurnPage,
  ChurnRuns,
  CohortDetail,
  CohortInput,
  CohortList,
  EventColumn,
  EventItem,
  EventNames,
  EventPage,
  EventType,
  FeedbackInput,
  Notification,
  Properties,
  PropertyValues,
  SavedInput,
  SavedList,
  SavedQuery,
  SavedVersions,
  SimulateInput,
  Simulation,
  SnoozeInput,
  Status,
  TimelinePage,
  UserAnswer,
  UserPage,
  Watch,
  WatchDetail,
  WatchInput,
  WatchList,
} from '@sluice/contracts';
import type { AnswerTo, PeopleOf, PeopleQuestion, Question, SavedAnswer } from './answer-types.js';
import { follow, type FollowOptions } from './follow.js';
import { itemsOfPages } from './pages.js';
import { createSender, type CallOptions, type ClientOptions, type Search, type Sender } from './send.js';

/** Values of a saved query's parameters. */
export type SavedParameters = Search;

export interface SavedOptions extends CallOptions {
  /** Default: the newest. */
  version?: number | undefined;
}

export interface EventFilter {
  event?: string | undefined;
  type?: EventType | undefined;
  user_id?: string | undefined;
  anonymous_id?: string | undefined;
  session_id?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export interface ChurnFilter {
  /** Default 30. */
  horizon?: ChurnHorizon | undefined;
  /** Default `churn_probability`. */
  order?: 'churn_probability' | 'expected_value' | undefined;
  min_probability?: number | undefined;
  max_probability?: number | undefined;
  min_expected_value?: number | undefined;
  search?: string | undefined;
  cohort?: string | undefined;
}

interface PrefixFilter {
  prefix?: string | undefined;
  limit?: number | undefined;
}

export type QueryClient = ReturnType<typeof createQueryClient>;

/**
 * A client of the analytics API. Every call fails with a `QueryError`, or with the reason of its signal; what the API says
 * can help is tried again by itself.
 */
export function createQueryClient(options: ClientOptions) {
  const sender = createSender(options);
  return {
    /** Answers a question; `kind` says which, and what the answer is. */
    query: async <const Q extends Question>(question: Q, call?: CallOptions) =>
      sender.json<AnswerTo<Q>>({ method: 'POST', path: '/v1/query', body: question }, call),

    /** A page of the people behind one number of an answer. */
    people: async <const Q extends PeopleQuestion>(request: Q, call?: CallOptions) =>
      sender.json<PeopleOf<Q>>({ method: 'POST', path: '/v1/people', body: request }, call),

    /** Ends questions that run under this `query_id`; how many there were. */
    cancel: async (queryId: string, call?: CallOptions) =>
      sender.json<{ cancelled: number }>(
        { method: 'DELETE', path: path`/v1/queries/${queryId}`, changes: true },
        call,
      ),

    saved: savedQueries(sender, options),
    cohorts: cohorts(sender),
    users: users(sender),
    churn: churn(sender),
    annotations: annotations(sender),
    properties: properties(sender),
    anomalies: anomalies(sender, options),
    watches: watches(sender),
    notificationChannels: notificationChannels(sender),

    /** All events, newest first. Pages are asked for as they are wanted. */
    events: (
      filter: EventFilter = {},
      { pageSize = 200, ...call }: CallOptions & { pageSize?: number } = {},
    ) =>
      itemsOfPages(
        async (cursor) =>
          sender.json<EventPage>(
            { method: 'GET', path: '/v1/events', search: { ...filter, limit: pageSize, cursor } },
            call,
          ),
        (page) => page.events,
      ),

    /** Events as they land, until the signal aborts. An event can come twice after a lost connection: see `event_id`. */
    async *live(
      filter: { event?: string | undefined; type?: EventType | undefined } = {},
      stream: FollowOptions = {},
    ): AsyncGenerator<EventItem> {
      const call = { method: 'GET', path: '/v1/live', search: filter } as const;
      for await (const { event, data } of follow(sender, call, { sleep: options.sleep, ...stream })) {
        if (event === 'event') yield JSON.parse(data) as EventItem;
      }
    },

    /** How fresh answers are. */
    status: async (call?: CallOptions) => sender.json<Status>({ method: 'GET', path: '/v1/status' }, call),
  };
}

function savedQueries({ json, send, open }: Sender, { sleep }: Pick<ClientOptions, 'sleep'>) {
  const read = (name: string, format: string, parameters: SavedParameters, version: number | undefined) =>
    ({
      method: 'GET',
      path: path`/v1/saved/${`${name}.${format}`}`,
      search: { ...parameters, version },
    }) as const;
  return {
    list: async (call?: CallOptions) => json<SavedList>({ method: 'GET', path: '/v1/saved' }, call),
    get: async (name: string, { version, ...call }: SavedOptions = {}) =>
      json<SavedQuery>({ method: 'GET', path: path`/v1/saved/${name}`, search: { version } }, call),
    versions: async (name: string, call?: CallOptions) =>
      json<SavedVersions>({ method: 'GET', path: path`/v1/saved/${name}/versions` }, call),
    /** Saves a new version; needs an admin key. */
    save: async (name: string, body: SavedInput, call?: CallOptions) =>
      json<SavedQuery>({ method: 'PUT', path: path`/v1/saved/${name}`, body, changes: true }, call),
    delete: async (name: string, call?: CallOptions) =>
      json<{ deleted: string }>({ method: 'DELETE', path: path`/v1/saved/${name}`, changes: true }, call),

    /** Answers a saved query. */
    answer: async (name: string, parameters: SavedParameters = {}, { version, ...call }: SavedOptions = {}) =>
      json<SavedAnswer>(read(name, 'json', parameters, version), call),
    csv: async (name: string, parameters: SavedParameters = {}, { version, ...call }: SavedOptions = {}) =>
      (await send(read(name, 'csv', parameters, version), call)).text(),
    /** The rows of the answer as a flat table. */
    rows: async (name: string, parameters: SavedParameters = {}, { version, ...call }: SavedOptions = {}) => {
      const text = await (await send(read(name, 'ndjson', parameters, version), call)).text();
      const lines = text.split('\n').filter((line) => line !== '');
      return lines.map((line) => JSON.parse(line) as Record<string, string | number | boolean | null>);
    },
    parquet: async (
      name: string,
      parameters: SavedParameters = {},
      { version, ...call }: SavedOptions = {},
    ) => new Uint8Array(await (await send(read(name, 'parquet', parameters, version), call)).arrayBuffer()),
    /** Answers now, and again whenever the data has changed, until the signal aborts. */
    async *live(
      name: string,
      parameters: SavedParameters = {},
      { version, ...stream }: FollowOptions & { version?: number | undefined } = {},
    ): AsyncGenerator<SavedAnswer> {
      const call = read(name, 'live', parameters, version);
      for await (const { event, data } of follow({ json, send, open }, call, { sleep, ...stream })) {
        if (event === 'answer') yield JSON.parse(data) as SavedAnswer;
      }
    },
  };
}

function cohorts({ json }: Sender) {
  return {
    list: async (call?: CallOptions) => json<CohortList>({ method: 'GET', path: '/v1/cohorts' }, call),
    /** A cohort and how many people it has. */
    get: async (name: string, call?: CallOptions) =>
      json<CohortDetail>({ method: 'GET', path: path`/v1/cohorts/${name}` }, call),
    /** Makes a cohort, or makes it anew; needs an admin key. */
    save: async (name: string, body: CohortInput, call?: CallOptions) =>
      json<CohortDetail>({ method: 'PUT', path: path`/v1/cohorts/${name}`, body, changes: true }, call),
    delete: async (name: string, call?: CallOptions) =>
      json<{ deleted: string }>({ method: 'DELETE', path: path`/v1/cohorts/${name}`, changes: true }, call),
  };
}

function users({ json }: Sender) {
  return {
    /** A person, by any of their ids. */
    get: async (id: string, call?: CallOptions) =>
      json<UserAnswer>({ method: 'GET', path: path`/v1/users/${id}` }, call),
    /** People whose id, email or name begins with a text; everybody without one. */
    find: (search?: string, { pageSize = 200, ...call }: CallOptions & { pageSize?: number } = {}) =>
      itemsOfPages(
        async (cursor) =>
          json<UserPage>(
            { method: 'GET', path: '/v1/users', search: { search, limit: pageSize, cursor } },
            call,
          ),
        (page) => page.users,
      ),
    /** What a person did, newest first. */
    timeline: (id: string, { pageSize = 200, ...call }: CallOptions & { pageSize?: number } = {}) =>
      itemsOfPages(
        async (cursor) =>
          json<TimelinePage>(
            { method: 'GET', path: path`/v1/users/${id}/timeline`, search: { limit: pageSize, cursor } },
            call,
          ),
        (page) => page.events,
      ),
  };
}

function churn({ json }: Sender) {
  const page = async (filter: ChurnFilter, rest: Search, call?: CallOptions) =>
    json<ChurnPage>({ method: 'GET', path: '/v1/churn', search: { ...filter, ...rest } }, call);
  return {
    /** Who is most likely to go, or of most value: everyone who meets the conditions, of one scoring. */
    list: (filter: ChurnFilter = {}, { pageSize = 200, ...call }: CallOptions & { pageSize?: number } = {}) =>
      itemsOfPages(
        async (cursor) => page(filter, { limit: pageSize, cursor }, call),
        ({ people }) => people,
      ),
    /** The first people of that list, with how many there are and by which scoring. */
    first: async (filter: ChurnFilter = {}, { limit = 50, ...call }: CallOptions & { limit?: number } = {}) =>
      page(filter, { limit }, call),
    /** How the scores are made, and how good they would have been. */
    model: async (call?: CallOptions) =>
      json<ChurnModelAnswer>({ method: 'GET', path: '/v1/churn/model' }, call),
    runs: async (call?: CallOptions) => json<ChurnRuns>({ method: 'GET', path: '/v1/churn/runs' }, call),
    definition: async (call?: CallOptions) =>
      json<ChurnDefinitionAnswer>({ method: 'GET', path: '/v1/churn/definition' }, call),
    /** Says what counts as being active; needs an admin key. */
    define: async (body: ChurnDefinitionInput, call?: CallOptions) =>
      json<ChurnDefinitionAnswer>({ method: 'PUT', path: '/v1/churn/definition', body, changes: true }, call),
    /** Asks for a scoring now; needs an admin key. */
    run: async (call?: CallOptions) =>
      json<ChurnJob>({ method: 'POST', path: '/v1/churn/run', changes: true }, call),
    job: async (jobId: number, call?: CallOptions) =>
      json<ChurnJob>({ method: 'GET', path: path`/v1/churn/jobs/${String(jobId)}` }, call),
  };
}

function annotations({ json }: Sender) {
  return {
    list: async (range: { from?: string | undefined; to?: string | undefined } = {}, call?: CallOptions) =>
      json<AnnotationList>({ method: 'GET', path: '/v1/annotations', search: range }, call),
    /** Needs an admin key. */
    add: async (body: AnnotationInput, call?: CallOptions) =>
      json<Annotation>({ method: 'POST', path: '/v1/annotations', body, changes: true }, call),
    delete: async (id: number, call?: CallOptions) =>
      json<Annotation>({ method: 'DELETE', path: path`/v1/annotations/${String(id)}`, changes: true }, call),
  };
}

/** Which anomalies; those found in history only when asked for. */
export type AnomalyChoice = Omit<AnomalyFilter, 'include_backfilled'> & {
  include_backfilled?: boolean | undefined;
};

function anomalies(sender: Sender, { sleep }: Pick<ClientOptions, 'sleep'>) {
  const { json } = sender;
  const change = async (id: number, what: string, body: unknown, call?: CallOptions) =>
    json<Anomaly>(
      { method: 'POST', path: path`/v1/anomalies/${String(id)}/${what}`, body, changes: true },
      call,
    );
  return {
    /** Newest first. Pages are asked for as they are wanted. */
    list: (
      choice: AnomalyChoice = {},
      { pageSize = 200, ...call }: CallOptions & { pageSize?: number } = {},
    ) =>
      itemsOfPages(
        async (cursor) =>
          json<AnomalyPage>(
            { method: 'GET', path: '/v1/anomalies', search: { ...choice, limit: pageSize, cursor } },
            call,
          ),
        (page) => page.anomalies,
      ),
    /** An anomaly with the points around it. */
    get: async (id: number, call?: CallOptions) =>
      json<AnomalyDetail>({ method: 'GET', path: path`/v1/anomalies/${String(id)}` }, call),
    /** Anomalies as they open and change, each as it is by then, until the signal aborts. `lastEventId` is a `change_id`. */
    async *live(choice: AnomalyChoice = {}, stream: FollowOptions = {}): AsyncGenerator<Anomaly> {
      const call = { method: 'GET', path: '/v1/anomalies/stream', search: { ...choice } } as const;
      for await (const { event, data } of follow(sender, call, { sleep, ...stream })) {
        if (event === 'anomaly') yield JSON.parse(data) as Anomaly;
      }
    },
    /** What a watch, saved or not, would have found in the last days. */
    simulate: async (body: SimulateInput, call?: CallOptions) =>
      json<Simulation>({ method: 'POST', path: '/v1/anomalies/simulate', body }, call),
    /** Says that somebody looks after it; needs an admin key, as the next two. */
    acknowledge: async (id: number, call?: CallOptions) => change(id, 'acknowledge', undefined, call),
    snooze: async (id: number, body: SnoozeInput, call?: CallOptions) => change(id, 'snooze', body, call),
    feedback: async (id: number, feedback: FeedbackInput['feedback'], call?: CallOptions) =>
      change(id, 'feedback', { feedback }, call),
  };
}

function watches({ json }: Sender) {
  return {
    list: async (call?: CallOptions) => json<WatchList>({ method: 'GET', path: '/v1/watches' }, call),
    /** A watch and where its series stand. */
    get: async (name: string, call?: CallOptions) =>
      json<WatchDetail>({ method: 'GET', path: path`/v1/watches/${name}` }, call),
    /** Watches something, or watches it otherwise; needs an admin key. */
    save: async (name: string, body: WatchInput, call?: CallOptions) =>
      json<Watch>({ method: 'PUT', path: path`/v1/watches/${name}`, body, changes: true }, call),
    /** With its anomalies. */
    delete: async (name: string, call?: CallOptions) =>
      json<{ deleted: string }>({ method: 'DELETE', path: path`/v1/watches/${name}`, changes: true }, call),
  };
}

/** All of them need an admin key. */
function notificationChannels({ json }: Sender) {
  const base = '/v1/notification-channels';
  return {
    list: async (call?: CallOptions) => json<ChannelList>({ method: 'GET', path: base }, call),
    /** A channel and what it was told last. */
    get: async (name: string, call?: CallOptions) =>
      json<ChannelDetail>({ method: 'GET', path: `${base}${path`/${name}`}` }, call),
    save: async (name: string, body: ChannelInput, call?: CallOptions) =>
      json<Channel>({ method: 'PUT', path: `${base}${path`/${name}`}`, body, changes: true }, call),
    delete: async (name: string, call?: CallOptions) =>
      json<{ deleted: string }>({ method: 'DELETE', path: `${base}${path`/${name}`}`, changes: true }, call),
    /** Sends a test to the channel, as any notification is sent. */
    test: async (name: string, call?: CallOptions) =>
      json<Notification>({ method: 'POST', path: `${base}${path`/${name}`}/test`, changes: true }, call),
  };
}

function properties({ json }: Sender) {
  return {
    /** Names of events, the most frequent first. */
    eventNames: async (filter: PrefixFilter = {}, call?: CallOptions) =>
      json<EventNames>({ method: 'GET', path: '/v1/events/names', search: { ...filter } }, call),
    list: async (
      filter: PrefixFilter & { event?: string | undefined; of?: 'event' | 'user' | undefined } = {},
      call?: CallOptions,
    ) => json<Properties>({ method: 'GET', path: '/v1/properties', search: { ...filter } }, call),
    values: async (
      of:
        | { property: string | readonly string[] }
        | { user_property: string | readonly string[] }
        | { column: EventColumn },
      filter: PrefixFilter & { event?: string | undefined } = {},
      call?: CallOptions,
    ) =>
      json<PropertyValues>(
        { method: 'GET', path: '/v1/properties/values', search: { ...of, ...filter } },
        call,
      ),
  };
}

/** A path with its parts encoded. */
function path(constants: TemplateStringsArray, ...parts: string[]): string {
  return String.raw({ raw: constants }, ...parts.map(encodeURIComponent));
}
