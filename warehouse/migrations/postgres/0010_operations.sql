-- Days for which a project keeps its single events and what was made of them; null: as long as the pipeline keeps any.
alter table projects add column retention_days integer check (retention_days > 0);

-- Messages that are deleted, or were left out while they landed: of people who were erased, and older than what the
-- project keeps. logged = landed + duplicates + dead_lettered + erased. What is deleted after it has landed moves from
-- `landed` to `erased` in a row of its own, under the log ''.
alter table ledger add column erased bigint not null default 0;

-- Grows when rows of a batch that is not rolled up yet are deleted or changed: what a flusher has in memory of it is
-- worth nothing then.
alter table batches add column revision integer not null default 0;

-- Erasing people.

-- Under which ids are known to have been erased: a hash alone could be tried out with a list of addresses.
create table erasure_keys (
  project_id integer primary key references projects,
  key        bytea not null
);

create table erasures (
  erasure_id   bigint generated always as identity primary key,
  project_id   integer not null references projects,
  -- HMAC of the id that was asked for, under the project's key.
  person_hash  bytea not null,
  -- What names the person; null when the person is erased: then it would be all that is left.
  ids          jsonb,
  requested_by text not null,
  requested_at timestamptz not null default now(),
  -- requested -> raw (gone from Postgres) -> columnar (gone from ClickHouse) -> done (looked for again, and not found).
  state        text not null default 'requested' check (state in ('requested', 'raw', 'columnar', 'done')),
  -- What has been done of a state that takes several steps: step -> what it counted.
  steps        jsonb not null default '{}',
  erased_at    timestamptz,
  receipt      jsonb
);
create index erasures_open on erasures (project_id) where state <> 'done';

-- Whose messages are left out when they land. No name is in it.
create table erased_people (
  project_id integer not null references projects,
  id_hash    bytea not null,
  erasure_id bigint not null references erasures,
  -- Messages up to this instant are the erased person's, however late they come; null while the erasure runs: all are.
  until      timestamptz,
  primary key (project_id, id_hash)
);

-- Takes the place of the row that would recognise a repeated message.
create table erased_events (
  project_id integer not null,
  event_id   uuid not null,
  primary key (project_id, event_id)
);

-- How far what a project keeps no longer is deleted. While it runs, ClickHouse may have what Postgres has not.
create table expiries (
  project_id integer primary key references projects,
  -- Events that happened before it are gone, or going.
  kept_from  timestamptz not null,
  state      text not null check (state in ('running', 'done'))
);

-- Every tracking plan that was pushed; the one in force stands in `projects`.
create table plan_versions (
  project_id integer not null references projects,
  version    integer not null,
  plan       jsonb not null,
  pushed_by  text not null,
  pushed_at  timestamptz not null default now(),
  primary key (project_id, version)
);
