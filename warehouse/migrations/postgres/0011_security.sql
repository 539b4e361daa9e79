-- What administrators did, for good. Written in the transaction of the change itself: neither is there without the other.

create table admin_actions (
  action_id     bigint generated always as identity primary key,
  at            timestamptz not null default clock_timestamp(),
  -- Null: of the whole installation. No reference: what was done to a project outlives the project.
  project_id    integer,
  actor_kind    text not null check (actor_kind in ('key', 'command', 'service')),
  -- Id of the key, `user@host` of a command, or the name of the service.
  actor         text not null,
  action        text not null,
  -- What it was done to: a name or an id, never a secret.
  target        text not null,
  -- SHA-256 of what it was before and is afterwards; null: nothing. They tell whether two states are the same, not what they hold.
  before_digest bytea,
  after_digest  bytea,
  details       jsonb not null default '{}',
  -- Where it came from: the address of the client.
  address       text,
  request_id    text
);
create index admin_actions_project on admin_actions (project_id, action_id);

create function refuse_change_of_admin_actions() returns trigger
language plpgsql as $$
begin
  raise exception 'What administrators did is never changed or deleted.' using errcode = 'insufficient_privilege';
end $$;
create trigger admin_actions_append_only before update or delete or truncate on admin_actions
  for each statement execute function refuse_change_of_admin_actions();

-- Partitions of `events` are made, dropped and indexed by whoever lands events, who does not own them. These functions run
-- as the owner and do nothing else; they find tables in this schema only.

create function make_event_partition(day date) returns boolean
language plpgsql security definer as $$
declare
  name text := 'events_' || to_char(day, 'YYYYMMDD');
  from_id uuid := (rpad(lpad(to_hex((extract(epoch from day) * 1000)::bigint), 12, '0'), 32, '0'))::uuid;
  to_id uuid := (rpad(lpad(to_hex((extract(epoch from day + 1) * 1000)::bigint), 12, '0'), 32, '0'))::uuid;
begin
  if day < date '1970-01-01' or day > date '9999-12-30' then
    raise exception '% is no day of an event', day using errcode = 'datetime_field_overflow';
  end if;
  -- One maker at a time: the others then find the partition made.
  perform pg_advisory_xact_lock(hashtext('sluice event partitions'));
  if to_regclass(name) is not null then
    return false;
  end if;
  -- Attaching needs this lock in the end. A weaker one first would be a deadlock with whoever has read and then inserts.
  lock table events_other in access exclusive mode;
  execute format('create table %I (like events including defaults including constraints)', name);
  execute format('with moved as (delete from events_other where event_id >= %L and event_id < %L returning *)
                  insert into %I select * from moved', from_id, to_id, name);
  execute format('alter table events attach partition %I for values from (%L) to (%L)', name, from_id, to_id);
  return true;
end $$;

create function drop_event_partition(day date) returns void
language plpgsql security definer as $$
begin
  execute format('drop table if exists %I', 'events_' || to_char(day, 'YYYYMMDD'));
end $$;

-- Brings a block range index of a partition up to date: from a block on, or (null) all of it.
create function summarize_event_index(index_oid oid, from_block bigint) returns integer
language plpgsql security definer as $$
begin
  if not exists (
    select from pg_index i join pg_inherits p on p.inhrelid = i.indrelid
    where i.indexrelid = index_oid and p.inhparent = 'events'::regclass
  ) then
    raise exception '% is no index of a partition of events', index_oid using errcode = 'insufficient_privilege';
  end if;
  if from_block is null then
    return brin_summarize_new_values(index_oid::regclass);
  end if;
  return brin_summarize_range(index_oid::regclass, from_block);
end $$;

-- What each service may do, and no more. Roles are of the whole cluster, privileges of this database: several databases
-- share the roles, and a login that is a member of one gets into the databases that let it connect.

create table service_grants (
  service    text not null check (service in ('gateway', 'pipeline', 'api', 'readonly')),
  -- A table, or `sequence NAME`, or `function NAME(TYPES)`.
  object     text not null,
  privileges text not null,
  primary key (service, object)
);

insert into service_grants (service, object, privileges) values
  ('gateway', 'schema_migrations', 'select'),
  ('gateway', 'projects', 'select'),
  ('gateway', 'api_keys', 'select'),
  ('gateway', 'spools', 'select, insert, update, delete'),
  -- What it holds is drained once it is landed.
  ('gateway', 'log_offsets', 'select'),

  ('pipeline', 'schema_migrations', 'select'),
  ('pipeline', 'projects', 'select'),
  ('pipeline', 'events', 'select, insert, update, delete'),
  ('pipeline', 'events_other', 'select, delete'),
  ('pipeline', 'log_offsets', 'select, insert, update, delete'),
  ('pipeline', 'batches', 'select, insert, update, delete'),
  ('pipeline', 'sequence batches_batch_id_seq', 'usage'),
  ('pipeline', 'ledger', 'select, insert, update, delete'),
  ('pipeline', 'duplicates', 'select, insert, update, delete'),
  ('pipeline', 'dead_letters', 'select, insert, update, delete'),
  ('pipeline', 'users', 'select, insert, update, delete'),
  ('pipeline', 'identities', 'select, insert, update, delete'),
  ('pipeline', 'devices', 'select, insert, update, delete'),
  ('pipeline', 'streams', 'select, insert, update, delete'),
  ('pipeline', 'spools', 'select'),
  ('pipeline', 'rollup_generations', 'select, insert, update, delete'),
  ('pipeline', 'rolled_up', 'select, insert, update, delete'),
  ('pipeline', 'jobs', 'select, insert, update, delete'),
  ('pipeline', 'cohorts', 'select, update'),
  -- Ids of erased people are taken out of what is written down.
  ('pipeline', 'saved_queries', 'select, update'),
  ('pipeline', 'annotations', 'select, update'),
  ('pipeline', 'watches', 'select, insert, update'),
  ('pipeline', 'watch_defaults', 'select, insert'),
  ('pipeline', 'watch_series', 'select, insert, update, delete'),
  ('pipeline', 'watch_points', 'select, insert, update, delete'),
  ('pipeline', 'anomalies', 'select, insert, update, delete'),
  ('pipeline', 'sequence anomaly_changes', 'usage, select'),
  ('pipeline', 'notification_channels', 'select, update'),
  ('pipeline', 'notifications', 'select, insert, update, delete'),
  ('pipeline', 'digested_anomalies', 'select, insert, update, delete'),
  ('pipeline', 'churn_definitions', 'select'),
  ('pipeline', 'churn_models', 'select, insert, update, delete'),
  ('pipeline', 'churn_runs', 'select, insert, update, delete'),
  ('pipeline', 'churn_current', 'select, insert, update, delete'),
  ('pipeline', 'churn_attempts', 'select, insert, update, delete'),
  ('pipeline', 'admin_actions', 'insert, select (action_id)'),
  ('pipeline', 'erasure_keys', 'select, insert'),
  ('pipeline', 'erasures', 'select, insert, update'),
  ('pipeline', 'erased_people', 'select, insert, update, delete'),
  ('pipeline', 'erased_events', 'select, insert, delete'),
  ('pipeline', 'expiries', 'select, insert, update'),
  ('pipeline', 'plan_versions', 'select'),
  ('pipeline', 'function make_event_partition(date)', 'execute'),
  ('pipeline', 'function drop_event_partition(date)', 'execute'),
  ('pipeline', 'function summarize_event_index(oid, bigint)', 'execute'),

  ('api', 'schema_migrations', 'select'),
  ('api', 'projects', 'select'),
  ('api', 'api_keys', 'select'),
  ('api', 'events', 'select'),
  ('api', 'log_offsets', 'select'),
  ('api', 'batches', 'select'),
  ('api', 'ledger', 'select'),
  ('api', 'duplicates', 'select'),
  ('api', 'dead_letters', 'select'),
  ('api', 'users', 'select'),
  ('api', 'identities', 'select'),
  ('api', 'devices', 'select'),
  ('api', 'streams', 'select'),
  ('api', 'spools', 'select'),
  ('api', 'rollup_generations', 'select'),
  ('api', 'rolled_up', 'select'),
  ('api', 'jobs', 'select, insert'),
  ('api', 'cohorts', 'select, insert, update, delete'),
  ('api', 'saved_queries', 'select, insert, update'),
  ('api', 'annotations', 'select, insert, delete'),
  ('api', 'watches', 'select, insert, update, delete'),
  ('api', 'watch_defaults', 'select'),
  ('api', 'watch_series', 'select, update'),
  ('api', 'watch_points', 'select'),
  ('api', 'anomalies', 'select, update'),
  ('api', 'sequence anomaly_changes', 'usage'),
  ('api', 'notification_channels', 'select, insert, update, delete'),
  ('api', 'notifications', 'select, insert'),
  ('api', 'churn_definitions', 'select, insert, update'),
  ('api', 'churn_models', 'select'),
  ('api', 'churn_runs', 'select'),
  ('api', 'churn_current', 'select'),
  ('api', 'churn_attempts', 'select'),
  ('api', 'admin_actions', 'select, insert'),
  ('api', 'erasures', 'select, insert'),
  ('api', 'erasure_keys', 'select, insert'),
  ('api', 'expiries', 'select'),
  ('api', 'plan_versions', 'select'),

  -- Dashboards and analysts: nothing that opens anything, and nothing that was refused.
  ('readonly', 'schema_migrations', 'select'),
  ('readonly', 'projects', 'select'),
  ('readonly', 'api_keys', 'select (key_id, project_id, kind, key_hint, allowed_origins, created_at, revoked_at, rows_per_hour)'),
  ('readonly', 'events', 'select'),
  ('readonly', 'log_offsets', 'select'),
  ('readonly', 'batches', 'select'),
  ('readonly', 'ledger', 'select'),
  ('readonly', 'duplicates', 'select'),
  ('readonly', 'dead_letters', 'select (dead_letter_id, project_id, source, code, field, message_id, log_id, "partition", log_offset, record_index, received_at, created_at, schema_version, replayed_at)'),
  ('readonly', 'users', 'select'),
  ('readonly', 'identities', 'select'),
  ('readonly', 'streams', 'select'),
  ('readonly', 'spools', 'select'),
  ('readonly', 'rollup_generations', 'select'),
  ('readonly', 'rolled_up', 'select'),
  ('readonly', 'jobs', 'select (job_id, kind, state, created_at, started_at, finished_at)'),
  ('readonly', 'cohorts', 'select'),
  ('readonly', 'saved_queries', 'select'),
  ('readonly', 'annotations', 'select'),
  ('readonly', 'watches', 'select'),
  ('readonly', 'watch_series', 'select'),
  ('readonly', 'watch_points', 'select'),
  ('readonly', 'anomalies', 'select'),
  ('readonly', 'notification_channels', 'select (channel_id, project_id, name, kind, min_severity, delivery, enabled, created_at)'),
  ('readonly', 'notifications', 'select (notification_id, project_id, channel_id, anomaly_id, kind, digest_day, created_at, attempts, next_attempt_at, delivered_at, failed_at)'),
  ('readonly', 'churn_definitions', 'select'),
  ('readonly', 'churn_models', 'select'),
  ('readonly', 'churn_runs', 'select'),
  ('readonly', 'churn_current', 'select'),
  ('readonly', 'churn_attempts', 'select'),
  ('readonly', 'admin_actions', 'select'),
  ('readonly', 'plan_versions', 'select');

-- Makes the roles that are missing, as far as this login may, and gives to all that exist what the table says. Objects
-- that this schema does not have are left out. Returns the roles that are still missing. Safe to repeat; whoever adds
-- tables adds rows to service_grants and calls it again.
create function apply_service_grants() returns text[]
language plpgsql as $$
declare
  wanted record;
  target text;
  missing text[];
begin
  for wanted in select distinct 'sluice_' || service as role from service_grants loop
    if to_regrole(wanted.role) is null then
      begin
        execute format('create role %I nologin', wanted.role);
      exception
        when duplicate_object or unique_violation then null; -- another database's migration was first
        when insufficient_privilege then missing := missing || wanted.role;
      end;
    end if;
  end loop;
  for wanted in
    select 'sluice_' || service as role, object, privileges from service_grants
    where to_regrole('sluice_' || service) is not null
  loop
    if wanted.object like 'sequence %' then
      continue when to_regclass(substr(wanted.object, 10)) is null;
      target := wanted.object;
    elsif wanted.object like 'function %' then
      continue when to_regprocedure(substr(wanted.object, 10)) is null;
      target := wanted.object;
      execute format('revoke all on %s from public', target);
    else
      continue when to_regclass(wanted.object) is null;
      target := format('table %I', wanted.object);
    end if;
    execute format('grant %s on %s to %I', wanted.privileges, target, wanted.role);
  end loop;
  for wanted in select distinct 'sluice_' || service as role, service from service_grants loop
    continue when to_regrole(wanted.role) is null;
    execute format('grant usage on schema %I to %I', current_schema(), wanted.role);
    if wanted.service = 'pipeline' then
      -- Batches are copied into temporary tables.
      execute format('grant temporary on database %I to %I', current_database(), wanted.role);
    end if;
  end loop;
  return coalesce(missing, '{}');
end $$;

do $$
declare
  name text;
begin
  -- A function that runs as its owner must not find what somebody else puts before its tables.
  foreach name in array array['make_event_partition(date)', 'drop_event_partition(date)', 'summarize_event_index(oid, bigint)'] loop
    execute format('alter function %s set search_path = %I, pg_temp', name, current_schema());
    execute format('revoke all on function %s from public', name);
  end loop;
  perform apply_service_grants();
end $$;
