-- When the oldest message of a batch was received. Everything accepted before the least of these over the pending batches
-- is rolled up, as far as it is landed.
alter table batches add column received_from timestamptz;
