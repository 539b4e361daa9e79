-- People are found by the beginning of their id, their email or their name, whatever the case. Plain B-trees, which every
-- Postgres has. An update that leaves the traits alone does not touch them.
create index users_by_id on users (project_id, lower(user_id) text_pattern_ops);
create index users_by_email on users (project_id, lower(traits ->> 'email') text_pattern_ops)
  where traits ->> 'email' is not null;
create index users_by_name on users (project_id, lower(traits ->> 'name') text_pattern_ops)
  where traits ->> 'name' is not null;
