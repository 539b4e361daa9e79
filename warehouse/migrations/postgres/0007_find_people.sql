-- People are found by the beginning of their id, their email or their name, whatever the case, and listed in the order of
-- these indexes: plain B-trees, which every Postgres has, in the order of bytes, in which texts with the same beginning
-- stand together. What is longer than any search is cut off, because an entry has room for 2,700 bytes. An update that
-- leaves the traits alone does not touch them.
create index users_by_id on users (project_id, (lower(user_id) collate "C"), user_id);
create index users_by_email on users (project_id, (lower(left(traits ->> 'email', 256)) collate "C"), user_id)
  where traits ->> 'email' is not null;
create index users_by_name on users (project_id, (lower(left(traits ->> 'name', 256)) collate "C"), user_id)
  where traits ->> 'name' is not null;
