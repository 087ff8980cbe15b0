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

-- name: start
INSERT INTO process (key, definition, version, subject, correlation_id, causation_id, facility, state, input,
    due_at, started_at)
SELECT key, definition, version, subject, correlation_id, causation_id, facility, 'running', input, at, at
FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::text[],
    $9::timestamptz[]) AS new (key, definition, version, subject, correlation_id, causation_id, facility, input, at)
ON CONFLICT (key) DO NOTHING
RETURNING key

-- name: started_before
SELECT key, state, input, journal::text AS journal, cancel_requested OR undoing AS undone, released, in_doubt
FROM process WHERE key = ANY($1::text[]) ORDER BY key FOR UPDATE

-- name: begin_anew
-- A process that nobody holds and that had no effect takes what it is told now. What it tells from here on are new
-- facts: another round. A step that was refused may have left something outside all the same (a charge that is not as
-- it was asked for), which is to be found and undone if the visit is: it is remembered.
UPDATE process SET input = new.input, causation_id = new.causation_id, round = round + 1, state = 'running', step = '',
    journal = (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(process.journal)
        WHERE value ->> 'state' = 'refused'),
    cancel_requested = false, undoing = false, finished_at = NULL, attempt = 0, failing_since = NULL, held_by = NULL, awaits = NULL, due_at = new.at, fence = fence + 1, released = true
FROM unnest($1::text[], $2::text[], $3::uuid[], $4::timestamptz[]) AS new (key, input, causation_id, at)
WHERE process.key = new.key

-- name: told_before
SELECT id, data FROM event WHERE id = ANY($1::uuid[])

-- name: wake
UPDATE process SET state = 'running', due_at = $2
WHERE awaits = ANY($1::text[]) AND state = 'waiting'

-- name: cancel
-- What nobody holds turns to compensating at once; who holds it hears of it at the next checkpoint.
UPDATE process SET cancel_requested = true,
    due_at = CASE WHEN state IN ('done', 'stuck', 'waiting', 'parked') THEN $2 ELSE due_at END,
    attempt = CASE WHEN state IN ('done', 'stuck', 'waiting', 'parked') THEN 0 ELSE attempt END,
    failing_since = CASE WHEN state IN ('done', 'stuck', 'waiting', 'parked') THEN NULL ELSE failing_since END,
    held_by = NULL,
    undoing = undoing OR state IN ('done', 'stuck', 'waiting', 'parked'),
    state = CASE WHEN state IN ('done', 'stuck', 'waiting', 'parked') THEN 'compensating' ELSE state END
WHERE key = ANY($1::text[]) AND NOT cancel_requested AND state <> 'cancelled'

-- name: announce
SELECT pg_notify('suture_processes', '')
