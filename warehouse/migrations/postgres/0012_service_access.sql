-- Two privileges without which services cannot work under their own logins: a worker takes the number of a batch before it
-- writes the batch, and a gateway tells from the positions of the log whether what it spooled has landed.
insert into service_grants (service, object, privileges) values
  ('pipeline', 'sequence batches_batch_id_seq', 'usage, select'),
  ('gateway', 'log_offsets', 'select')
on conflict (service, object) do update set privileges = excluded.privileges;

do $$
begin
  perform apply_service_grants();
end $$;
