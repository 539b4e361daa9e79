-- How many events of a project were rolled up: what answers depend on, in one number. It grows with everything that becomes
-- queryable, merges included, so an answer that is remembered with it is as good as a new one.
create table rolled_up (
  project_id integer primary key,
  events     bigint not null
);
insert into rolled_up (project_id, events)
select key::integer, sum(value::bigint)
from batches, jsonb_each_text(project_rows)
where state = 'done'
group by 1;

-- Groups of people that questions name. A live one is a filter, asked anew each time; a static one a list of ids.
create table cohorts (
  project_id  integer not null references projects,
  name        text not null,
  description text not null default '',
  kind        text not null check (kind in ('live', 'static')),
  filter      jsonb,
  user_ids    text[],
  updated_at  timestamptz not null default now(),
  primary key (project_id, name),
  check ((kind = 'live') = (filter is not null) and (kind = 'static') = (user_ids is not null))
);

-- Questions that are addresses. Every version is kept; the newest that is not deleted answers.
create table saved_queries (
  project_id  integer not null references projects,
  name        text not null,
  version     integer not null,
  description text not null default '',
  -- The question, with {"$param": name} where a parameter goes.
  query       jsonb not null,
  -- Parameter name -> { type, default, description … }.
  parameters  jsonb not null default '{}',
  deleted     boolean not null default false,
  created_at  timestamptz not null default now(),
  primary key (project_id, name, version)
);

-- What happened when: releases, campaigns, incidents.
create table annotations (
  annotation_id bigint generated always as identity primary key,
  project_id    integer not null references projects,
  at            timestamptz not null,
  text          text not null,
  created_at    timestamptz not null default now()
);
create index annotations_at on annotations (project_id, at);

-- Rows a key may have read for answers in an hour; null: the server's default.
alter table api_keys add column rows_per_hour bigint check (rows_per_hour > 0);
