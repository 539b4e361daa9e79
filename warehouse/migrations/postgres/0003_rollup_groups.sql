-- Batches that go into ClickHouse in one insert, named by the first of them. Set once and before anything is sent, so that
-- the set of rows under a deduplication token never changes.
alter table batches add column rollup_id bigint;
create index batches_rollup on batches (rollup_id) where state = 'pending';
