-- What becomes of a process is decided in `engine.decide` and `engine.steer`; here it is only kept.

-- name: start
INSERT INTO process (key, definition, version, subject, correlation_id, causation_id, facility, state, input,
    due_at, started_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::text[],
    $9::text[], $10::timestamptz[], $11::timestamptz[])
ON CONFLICT (key) DO NOTHING
RETURNING key

-- name: held
-- In the order of their keys, so that two who want the same ones never wait for each other.
SELECT key, definition, version, subject, correlation_id, causation_id, facility, input, due_at, started_at, state,
    journal::text AS journal, step, attempt, failing_since, awaits, held_by, finished_at, cancel_requested, undoing,
    in_doubt, released, round, fence, worker
FROM process WHERE key = ANY($1::text[]) ORDER BY key FOR UPDATE

-- name: awaiting
SELECT key, definition, version, subject, correlation_id, causation_id, facility, input, due_at, started_at, state,
    journal::text AS journal, step, attempt, failing_since, awaits, held_by, finished_at, cancel_requested, undoing,
    in_doubt, released, round, fence, worker
FROM process WHERE awaits = ANY($1::text[]) AND state = 'waiting' ORDER BY key FOR UPDATE

-- name: query
SELECT key, definition, version, subject, correlation_id, causation_id, facility, input, due_at, started_at, state,
    journal::text AS journal, step, attempt, failing_since, awaits, held_by, finished_at, cancel_requested, undoing,
    in_doubt, released, round, fence, worker
FROM process WHERE key = ANY($1::text[]) ORDER BY key

-- name: steer
UPDATE process SET version = new.version, causation_id = new.causation_id, input = new.input, due_at = new.due_at,
    state = new.state, journal = new.journal::jsonb, step = new.step, attempt = new.attempt,
    failing_since = new.failing_since, awaits = new.awaits, held_by = new.held_by, finished_at = new.finished_at,
    cancel_requested = new.cancel_requested, undoing = new.undoing, round = new.round, fence = new.fence
FROM unnest($1::text[], $2::int[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
    $9::int[], $10::timestamptz[], $11::text[], $12::text[], $13::timestamptz[], $14::boolean[], $15::boolean[],
    $16::int[], $17::bigint[])
    AS new (key, version, causation_id, input, due_at, state, journal, step, attempt, failing_since, awaits, held_by,
    finished_at, cancel_requested, undoing, round, fence)
WHERE process.key = new.key

-- name: announce
SELECT pg_notify('suture_processes', '')

-- name: claim
-- As they stood but for the fence and the lease. What nobody here has the definition of is left to workers that do, for
-- ten minutes.
WITH due AS MATERIALIZED (
    SELECT key, released FROM process
    WHERE state IN ('running', 'waiting', 'compensating', 'stuck') AND due_at <= $1
        AND ($5::text[] IS NULL OR due_at <= $1 - interval '10 minutes'
            OR (definition, version) IN (SELECT * FROM unnest($5::text[], $6::int[])))
    ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE process SET fence = fence + 1, worker = $3, released = false, due_at = $4, awaits = NULL
FROM due WHERE process.key = due.key
RETURNING process.key, process.definition, process.version, process.subject, process.correlation_id, process.causation_id, process.facility, process.input, process.due_at, process.started_at, process.state, process.journal::text AS journal, process.step, process.attempt, process.failing_since, process.awaits, process.held_by, process.finished_at, process.cancel_requested, process.undoing, process.in_doubt, process.round, process.fence, process.worker, due.released

-- name: renew
UPDATE process SET due_at = $3
FROM unnest($1::text[], $2::bigint[]) AS held (key, fence)
WHERE process.key = held.key AND process.fence = held.fence AND NOT released

-- name: next_due
SELECT min(due_at) FROM process
WHERE state IN ('running', 'waiting', 'compensating', 'stuck')
    AND ($1::text[] IS NULL OR (definition, version) IN (SELECT * FROM unnest($1::text[], $2::int[])))

-- name: checkpoint
-- One that gives the process up raises the fence, so that a renewal under way can't take it back. While it is kept, its
-- due time is the lease.
UPDATE process SET state = cp.state, step = cp.step, attempt = cp.attempt, failing_since = cp.failing_since,
    awaits = cp.awaits, held_by = cp.held_by, due_at = coalesce(cp.due_at, process.due_at),
    finished_at = cp.finished_at, undoing = cp.undoing, in_doubt = false, released = cp.released,
    fence = process.fence + cp.given_up, journal = process.journal || cp.journal::jsonb
FROM unnest($1::text[], $2::bigint[], $3::boolean[], $4::text[], $5::text[], $6::int[], $7::timestamptz[], $8::text[],
    $9::text[], $10::timestamptz[], $11::timestamptz[], $12::boolean[], $13::boolean[], $14::int[], $15::text[])
    AS cp (key, fence, cancelled, state, step, attempt, failing_since, awaits, held_by, due_at, finished_at, undoing,
    released, given_up, journal)
WHERE process.key = cp.key AND process.fence = cp.fence AND process.cancel_requested = cp.cancelled
RETURNING process.key, cp.fence

-- name: fences
SELECT key, fence FROM process WHERE key = ANY($1::text[])

-- name: of_subject
SELECT key, definition, state, journal::text AS journal, step, attempt, worker, fence, due_at, started_at, finished_at,
    held_by, undoing
FROM process WHERE correlation_id = $1 ORDER BY started_at

-- name: count_by_state
SELECT definition, state, count(*) AS count FROM process GROUP BY definition, state
