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
