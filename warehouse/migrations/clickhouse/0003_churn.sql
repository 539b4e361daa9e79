-- What is foretold of each person, run by run. Postgres says which run is whole (churn_current); rows of others are never
-- read. A run is a partition, so that an old one goes at once and as a whole, and a rebuild takes it over as it is.
create table if not exists {db}.churn_scores {on_cluster}
(
  project_id UInt32,
  run_id     UInt64,
  -- Hash of the id of the person, merges as they were known to the run.
  actor_hash UInt64,
  -- For 7, 30 and 90 days: the probability of no activity, the active days and the value that are expected, and what in
  -- the person's history says so, strongest first.
  churn_7    Float32,
  churn_30   Float32,
  churn_90   Float32,
  active_7   Float32,
  active_30  Float32,
  active_90  Float32,
  value_7    Float32,
  value_30   Float32,
  value_90   Float32,
  reasons_7  Array(Tuple(feature LowCardinality(String), contribution Float32)),
  reasons_30 Array(Tuple(feature LowCardinality(String), contribution Float32)),
  reasons_90 Array(Tuple(feature LowCardinality(String), contribution Float32)),
  -- Last local day on which the person was active, and days since the first one.
  last_active Date,
  age_days    UInt16
)
engine = {engine:MergeTree}
partition by run_id
order by (project_id, run_id, actor_hash)
settings {deduplication_window};
