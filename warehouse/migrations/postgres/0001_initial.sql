-- Projects and the keys that open them.

create table projects (
  project_id   integer generated always as identity primary key,
  name         text not null unique,
  timezone     text not null default 'UTC',
  -- What is kept of a client's address once geography is known.
  ip_policy    text not null default 'truncate' check (ip_policy in ('truncate', 'keep', 'discard')),
  plan_mode    text not null default 'warn' check (plan_mode in ('off', 'warn', 'block')),
  -- The project's own tracking plan: event name -> JSON Schema of its properties.
  tracking_plan jsonb not null default '{}',
  created_at   timestamptz not null default now()
);

create table api_keys (
  key_id          integer generated always as identity primary key,
  project_id      integer not null references projects,
  kind            text not null check (kind in ('write', 'read', 'admin')),
  -- SHA-256 of the key; the key itself is shown once and never stored.
  key_hash        bytea not null unique,
  key_hint        text not null,
  -- Empty: every origin.
  allowed_origins text[] not null default '{}',
  created_at      timestamptz not null default now(),
  revoked_at      timestamptz
);

-- Raw events: one row for every accepted message, for good. Partitioned by the day in the first 48 bits of event_id, so
-- that the key that removes duplicates is also the key that chooses the partition.

create table events (
  project_id   integer not null,
  event_id     uuid not null,
  batch_id     bigint not null,
  -- Position in the batch: with batch_id, the fixed order in which the batch is rolled up.
  batch_seq    integer not null,
  received_at  timestamptz not null,
  -- When it happened, by the server's clock: the client's time corrected by the client's own skew.
  "timestamp"  timestamptz not null,
  type         text not null,
  -- Name of the event (track), page or screen; empty when there is none.
  event        text not null,
  message_id   text not null,
  anonymous_id text,
  user_id      text,
  session_id   uuid,
  -- What landing found out: browser, os, device, country, campaign, referrer, bot …
  enrichment   json not null,
  -- The message as it came, batch context merged under its own.
  message      json not null,
  primary key (project_id, event_id)
) partition by range (event_id);

create index events_batch on events using brin (batch_id) with (pages_per_range = 16, autosummarize = on);
create index events_received on events using brin (received_at) with (pages_per_range = 32, autosummarize = on);

-- Ids without a believable time: undated messages, and clocks that are years off.
create table events_other partition of events default;

-- Where landing stands in the log. The offset is advanced in the transaction that lands the rows.

create table log_offsets (
  log_id           text not null,
  "partition"      integer not null,
  next_offset      bigint not null default 0,
  -- All events accepted before this instant are landed.
  complete_through timestamptz,
  primary key (log_id, "partition")
);

-- The manifest: immutable sets of landed rows on their way to ClickHouse.

create table batches (
  batch_id    bigint generated always as identity primary key,
  log_id      text not null,
  "partition" integer not null,
  from_offset bigint not null,
  to_offset   bigint not null,
  rows        integer not null,
  -- Identities that the batch's messages made: rolled up with the rows.
  identities  jsonb not null default '[]',
  state       text not null default 'pending' check (state in ('pending', 'done')),
  created_at  timestamptz not null default now(),
  done_at     timestamptz,
  attempts    integer not null default 0,
  last_error  text
);
create index batches_pending on batches (log_id, "partition", batch_id) where state = 'pending';
create index batches_offsets on batches (log_id, "partition", to_offset);

-- The audit: for every record of the log, what became of its messages.

create table ledger (
  project_id    integer not null,
  -- Minute of receipt.
  minute        timestamptz not null,
  log_id        text not null,
  "partition"   integer not null,
  -- Messages that the gateway accepted, as the log records say.
  logged        bigint not null default 0,
  landed        bigint not null default 0,
  duplicates    bigint not null default 0,
  dead_lettered bigint not null default 0,
  -- Messages that the gateway refused and passed on as dead letters; not part of `logged`.
  rejected      bigint not null default 0,
  primary key (project_id, minute, log_id, "partition")
);

create table duplicates (
  project_id  integer not null,
  event_id    uuid not null,
  message_id  text not null,
  log_id      text not null,
  "partition" integer not null,
  log_offset  bigint not null,
  received_at timestamptz not null
);
create index duplicates_message on duplicates (project_id, message_id);

create table dead_letters (
  dead_letter_id bigint generated always as identity primary key,
  -- Null when not even the project could be read.
  project_id     integer,
  source         text not null check (source in ('gateway', 'pipeline')),
  code           text not null,
  message        text not null,
  -- JSON pointer into the message.
  field          text,
  message_id     text,
  log_id         text not null,
  "partition"    integer not null,
  log_offset     bigint not null,
  -- Position of the message in its record.
  record_index   integer not null,
  received_at    timestamptz,
  created_at     timestamptz not null default now(),
  schema_version integer not null default 1,
  headers        jsonb not null,
  bytes          bytea not null,
  replayed_at    timestamptz
);
create index dead_letters_project on dead_letters (project_id, dead_letter_id);
create index dead_letters_message on dead_letters (project_id, message_id);

-- People.

create table users (
  project_id  integer not null,
  -- The user id, or the anonymous id until there is one.
  user_id     text not null,
  first_seen  timestamptz not null,
  last_seen   timestamptz not null,
  events      bigint not null default 0,
  -- Event name (track) or message type -> how many.
  counts      jsonb not null default '{}',
  -- Currency -> sum of purchase amounts.
  revenue     jsonb not null default '{}',
  traits      jsonb not null default '{}',
  -- Timestamp of the newest traits, so that a late identify does not overwrite a newer one.
  traits_at   timestamptz,
  primary key (project_id, user_id)
);

create table identities (
  project_id  integer not null,
  -- An anonymous id, or a user id that was aliased.
  previous_id text not null,
  user_id     text not null,
  merged_at   timestamptz not null default now(),
  primary key (project_id, previous_id)
);
create index identities_user on identities (project_id, user_id);

-- The newest sessions of each device, so that late and out-of-order events find theirs.

create table devices (
  project_id integer not null,
  device_id  text not null,
  sessions   jsonb not null,
  last_seen  timestamptz not null,
  primary key (project_id, device_id)
);

-- Adds the numbers of two objects, key by key.
create function add_counts(a jsonb, b jsonb) returns jsonb
language sql immutable parallel safe
return (
  select coalesce(jsonb_object_agg(key, total), '{}'::jsonb)
  from (
    select key, sum(value::numeric) as total
    from (select key, value from jsonb_each_text(a) union all select key, value from jsonb_each_text(b)) both_sides
    group by key
  ) summed
);

-- Records that a gateway holds on disk while the log is down: what answers must say is still missing.

create table spools (
  gateway_id        text primary key,
  oldest_receipt_at timestamptz not null,
  messages          bigint not null,
  updated_at        timestamptz not null default now()
);

-- The ClickHouse database that answers are read from. A rebuild fills the next one and then moves this pointer.

create table rollup_generations (
  generation  integer primary key,
  state       text not null check (state in ('building', 'live', 'retired')),
  created_at  timestamptz not null default now(),
  live_at     timestamptz
);

create table jobs (
  job_id      bigint generated always as identity primary key,
  kind        text not null,
  state       text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed')),
  arguments   jsonb not null default '{}',
  progress    jsonb not null default '{}',
  error       text,
  created_at  timestamptz not null default now(),
  started_at  timestamptz,
  finished_at timestamptz
);
