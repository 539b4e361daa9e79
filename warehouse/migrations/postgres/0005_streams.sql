-- What devices say of how much they sent. A stream is one page load or one process; its messages are numbered from 1, so
-- that what never arrived shows. Each partition of the log counts for itself: the messages of a server's stream go to all
-- of them, and their landings must not wait for each other.

create table streams (
  project_id       integer not null,
  stream           text not null,
  log_id           text not null,
  "partition"      integer not null,
  -- The device that was last seen to use it.
  device_id        text not null,
  -- Different messages that are in `events`, and messages that became dead letters.
  landed           bigint not null default 0,
  refused          bigint not null default 0,
  -- The highest number seen.
  last_seq         bigint not null,
  -- Messages that the device says it dropped; the highest figure seen.
  dropped          bigint not null default 0,
  last_received_at timestamptz not null,
  primary key (project_id, stream, log_id, "partition")
);
create index streams_received on streams (project_id, last_received_at);
