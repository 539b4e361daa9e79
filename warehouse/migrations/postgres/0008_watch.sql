-- What is watched. A project that never had a watch gets the default ones (every event and ingestion) from the watcher.
create table watches (
  watch_id               bigint generated always as identity primary key,
  project_id             integer not null references projects,
  name                   text not null,
  -- What is measured: contracts/src/watch-metric.ts.
  metric                 jsonb not null,
  interval               text not null check (interval in ('minute', 'five_minutes', 'quarter_hour', 'hour', 'day')),
  directions             text[] not null default '{up,down}',
  -- Incidents that may open by chance, a series and 30 days.
  false_alerts_per_month double precision not null default 1 check (false_alerts_per_month > 0),
  -- Local dates that are like no weekday.
  holidays               date[] not null default '{}',
  -- How long after its end a bucket is judged, so that what comes late is in it; null: the default of the interval.
  lateness_seconds       integer check (lateness_seconds >= 0),
  -- Days of history that are judged, without notifying anybody, when a series begins to be watched.
  backfill_days          integer not null default 35 check (backfill_days between 0 and 400),
  enabled                boolean not null default true,
  created_at             timestamptz not null default now(),
  updated_at             timestamptz not null default now(),
  unique (project_id, name)
);

-- Projects that have been given the default watches: once, so that who deletes them is rid of them.
create table watch_defaults (
  project_id integer primary key references projects,
  made_at    timestamptz not null default now()
);

-- One series of a watch, and where its monitor stands: state, points, anomalies and notifications of a bucket are one
-- transaction, fenced by next_bucket.
create table watch_series (
  series_id        bigint generated always as identity primary key,
  watch_id         bigint not null references watches on delete cascade,
  project_id       integer not null,
  -- Which one within the watch: the event's name, the signal …; empty for the only or total one.
  series           text not null,
  kind             text not null check (kind in ('count', 'level')),
  -- What is measured, of this series alone, with the interval. When a change of the watch changes it, the series begins anew.
  measured         jsonb not null,
  -- Since when the watch has no such series any more: it is not judged, and what was found in it stays.
  retired_at       timestamptz,
  detector         text not null,
  detector_version integer not null,
  state            bytea not null,
  -- The next bucket to judge: everything before it is in the state.
  next_bucket      timestamptz not null,
  -- Buckets before this one were judged after the fact, without notifying anybody.
  watched_since    timestamptz not null,
  snoozed_until    timestamptz,
  -- Why the last look failed; null when it did not. A failure is never a value.
  last_error       text,
  failed_since     timestamptz,
  updated_at       timestamptz not null default now(),
  unique (watch_id, series)
);
create index watch_series_project on watch_series (project_id, series_id);

-- What was expected and seen, bucket by bucket, as it was judged.
create table watch_points (
  series_id        bigint not null references watch_series on delete cascade,
  bucket           timestamptz not null,
  -- Null: not known.
  observed         double precision,
  expected         double precision,
  lower            double precision,
  upper            double precision,
  tail_probability double precision not null,
  anomalous        boolean not null,
  primary key (series_id, bucket)
);

create table anomalies (
  anomaly_id       bigint generated always as identity primary key,
  project_id       integer not null,
  watch_id         bigint not null references watches on delete cascade,
  series_id        bigint not null references watch_series on delete cascade,
  -- As they were when it opened.
  watch            text not null,
  metric           jsonb not null,
  series           text not null,
  interval         text not null,
  -- The bucket that opened it, and the first one that was out of the ordinary.
  bucket           timestamptz not null,
  since            timestamptz not null,
  observed         double precision not null,
  expected         double precision not null,
  lower            double precision not null,
  upper            double precision not null,
  -- 1 - tail probability of the bucket that opened it; surprise: -log10 of the tail probability.
  score            double precision not null,
  surprise         double precision not null,
  direction        text not null check (direction in ('up', 'down')),
  severity         text not null check (severity in ('info', 'warning', 'critical')),
  detector         text not null,
  detector_version integer not null,
  state            text not null check (state in ('open', 'acknowledged', 'resolved', 'suppressed')),
  -- Why nobody is notified: `snoozed`. One that outlasts its snooze opens then.
  suppressed_by    text,
  -- Found in history that was judged after the fact.
  backfilled       boolean not null default false,
  -- Ends of the buckets that opened it, in which it was last seen, and that resolved it.
  opened_at        timestamptz not null,
  acknowledged_at  timestamptz,
  last_seen_at     timestamptz not null,
  resolved_at      timestamptz,
  -- The bucket that was furthest out.
  peak_bucket      timestamptz not null,
  peak_observed    double precision not null,
  peak_expected    double precision not null,
  peak_surprise    double precision not null,
  -- Of its buckets up to the one that opened it, and of those after it that were out of the ordinary: what severity goes by,
  -- together with the peak.
  buckets          integer not null,
  observed_sum     double precision not null,
  expected_sum     double precision not null,
  surprise_sum     double precision not null,
  -- Which values of which fields explain it: [{ field, value, observed, expected, share }]. Empty: nothing stands out, or
  -- there is nothing to break down. Null: not known, because it could not be asked for.
  evidence         jsonb,
  feedback         text check (feedback in ('true_alarm', 'false_alarm')),
  feedback_at      timestamptz,
  -- The feedback that is in the state of the series.
  learned_feedback text,
  -- Grows with every change of any anomaly: what streams and pages go by. Whoever changes one takes the advisory lock
  -- (0x51c007, project_id) to the end of the transaction first, so that no smaller number appears after a larger one.
  change_id        bigint not null
);
create sequence anomaly_changes;
create unique index anomalies_one_open on anomalies (series_id) where resolved_at is null;
create index anomalies_project on anomalies (project_id, anomaly_id);
create index anomalies_changes on anomalies (project_id, change_id);

-- Where notifications go.
create table notification_channels (
  channel_id   bigint generated always as identity primary key,
  project_id   integer not null references projects,
  name         text not null,
  kind         text not null check (kind in ('webhook', 'slack', 'email')),
  -- { url } of webhook and slack, { addresses: [...] } of email.
  target       jsonb not null,
  -- Signs webhooks: `whsec_` and 24 to 64 bytes as base64.
  secret       text,
  min_severity text not null default 'warning' check (min_severity in ('info', 'warning', 'critical')),
  -- `each`: as it happens; `daily`: one digest a day of the project's zone.
  delivery     text not null default 'each' check (delivery in ('each', 'daily')),
  enabled      boolean not null default true,
  -- Why the notifier has turned it off; null when it has not.
  disabled_reason text,
  created_at   timestamptz not null default now(),
  unique (project_id, name)
);

-- The outbox: written with what it tells of, in one transaction, and delivered afterwards until it is taken.
create table notifications (
  notification_id bigint generated always as identity primary key,
  project_id      integer not null,
  channel_id      bigint not null references notification_channels on delete cascade,
  -- Null for a digest.
  anomaly_id      bigint references anomalies on delete cascade,
  kind            text not null check (kind in ('opened', 'resolved', 'digest', 'test')),
  -- The day a digest is of.
  digest_day      date,
  payload         jsonb not null,
  created_at      timestamptz not null default now(),
  attempts        integer not null default 0,
  -- While an attempt is under way, until when nobody else makes one.
  next_attempt_at timestamptz not null default now(),
  delivered_at    timestamptz,
  -- Given up: the receiver said that it never wants it, or every attempt failed.
  failed_at       timestamptz,
  last_error      text,
  unique (channel_id, anomaly_id, kind),
  unique (channel_id, digest_day)
);
-- What digests have told: a flag that is judged late, or whose digest could not be made on its day, is in the next one.
create table digested_anomalies (
  channel_id bigint not null references notification_channels on delete cascade,
  anomaly_id bigint not null references anomalies on delete cascade,
  primary key (channel_id, anomaly_id)
);

create index notifications_due on notifications (next_attempt_at) where delivered_at is null and failed_at is null;

-- How long messages took from receipt until they could be asked for, by the time of receipt.
create index batches_received on batches (received_from) where state = 'done';
