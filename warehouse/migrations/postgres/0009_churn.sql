-- Who is likely to go. What counts as being active is said per project; a project without a row has the default.
create table churn_definitions (
  project_id integer primary key references projects,
  -- contracts/src/churn.ts.
  definition jsonb not null,
  updated_at timestamptz not null default now()
);

-- What was learned of a project, from what on, and how well it would have foretold what has happened since.
create table churn_models (
  model_id      bigint generated always as identity primary key,
  project_id    integer not null references projects,
  definition    jsonb not null,
  timezone      text not null,
  -- In which value is counted; null: nothing was ever sold.
  currency      text,
  -- Last local day that was known when it was learned.
  known_through date not null,
  -- With its back-test: models/src/churn/churn-model.ts.
  model         jsonb not null,
  created_at    timestamptz not null default now()
);
create index churn_models_project on churn_models (project_id, model_id);

-- One scoring of everybody. It is worked off in slices of the hashes of people; each is noted once it is in ClickHouse, so
-- that a run goes on where it was when its pipeline was killed.
create table churn_runs (
  run_id       bigint generated always as identity primary key,
  project_id   integer not null references projects,
  model_id     bigint not null references churn_models,
  -- Last local day of which the scores know.
  known_through date not null,
  -- The generation of the rollups that it reads and writes.
  generation   integer not null,
  state        text not null default 'running' check (state in ('running', 'published', 'abandoned')),
  slices       integer not null check (slices > 0),
  slices_done  integer not null default 0,
  -- Known when it is whole.
  people       bigint,
  started_at   timestamptz not null default now(),
  published_at timestamptz
);
create index churn_runs_project on churn_runs (project_id, run_id);
-- A project is scored by one run at a time.
create unique index churn_runs_one_running on churn_runs (project_id) where state = 'running';

-- The run whose scores are told. Moved on in one statement, when the run is whole.
create table churn_current (
  project_id integer primary key references projects,
  run_id     bigint not null references churn_runs
);

-- How the last attempt at a project went: why there are no scores, or none of today.
create table churn_attempts (
  project_id   integer primary key references projects,
  attempted_at timestamptz not null,
  outcome      text not null check (outcome in ('published', 'too_little_history', 'incomplete', 'failed')),
  -- In words, for people.
  detail       text not null,
  -- Attempts that failed in a row.
  failures     integer not null default 0
);
