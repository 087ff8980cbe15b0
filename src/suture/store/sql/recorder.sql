-- name: record
WITH new AS (
INSERT INTO event (id, type, source, subject, organisation, facility, sequence, occurred_at, recorded_at,
    correlation_id, causation_id, data, stale)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
    $8::timestamptz[], $9::timestamptz[], $10::text[], $11::uuid[], $12::text[], $13::boolean[])
ON CONFLICT (id) DO NOTHING
RETURNING seq, id
), outgoing AS (
INSERT INTO outbox (seq) SELECT seq FROM new
)
SELECT id, CASE WHEN row_number() OVER () = 1 THEN pg_notify('suture_events', '') END FROM new

-- name: told_before
SELECT id, data FROM event WHERE id = ANY($1::uuid[])
