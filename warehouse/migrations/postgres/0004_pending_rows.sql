-- Rows of a batch by project: how much of a project is not rolled up yet is known without counting events.
alter table batches add column project_rows jsonb not null default '{}';
update batches b set project_rows = (
  select coalesce(jsonb_object_agg(project_id, n), '{}')
  from (select project_id, count(*) as n from events where batch_id = b.batch_id group by project_id) as counted)
where state = 'pending';
alter table batches alter column project_rows drop default;

-- Under load the server has no room to note every range that is to be summarised, and says so in its log each time. What
-- is not summarised is read whole by every query, so the pipeline's upkeep sees to it.
drop index events_batch;
drop index events_received;
create index events_batch on events using brin (batch_id) with (pages_per_range = 16);
create index events_received on events using brin (received_at) with (pages_per_range = 32);
