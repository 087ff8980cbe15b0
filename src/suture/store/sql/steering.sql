-- name: select
SELECT key, definition, version, subject, correlation_id, state, step, attempt, worker, due_at, started_at, finished_at,
    held_by, undoing, released
FROM process
WHERE (cardinality($1::text[]) = 0 OR key = ANY($1)) AND ($2 = '' OR state = $2) AND ($3 = '' OR definition = $3)
    AND ($4 = '' OR step = $4) AND ($5::timestamptz IS NULL OR started_at >= $5)
    AND ($6::timestamptz IS NULL OR started_at < $6) AND ($7 = '' OR correlation_id = $7)
ORDER BY started_at DESC, key LIMIT $8

-- name: one
SELECT key, definition, version, subject, correlation_id, state, step, attempt, worker, due_at, started_at, finished_at,
    held_by, undoing, released, input, journal::text AS journal
FROM process WHERE key = $1

-- name: resume
-- Each in its turn, from the step it stopped at, in the direction it was going. The try counts as the second: what
-- succeeds after trouble closes its exception.
UPDATE process SET state = CASE WHEN undoing THEN 'compensating' ELSE 'running' END, attempt = 1, failing_since = NULL,
    due_at = again.at, held_by = NULL
FROM unnest($1::text[], $2::timestamptz[]) AS again (key, at)
WHERE process.key = again.key AND (state = 'stuck' OR (state IN ('running', 'compensating') AND released))
RETURNING process.key

-- name: cancel
-- Where it stands; nothing is undone. Not while a worker has it in hand.
UPDATE process SET state = 'cancelled', fence = fence + 1, awaits = NULL, held_by = NULL, finished_at = $2, due_at = $2
WHERE key = ANY($1::text[]) AND released AND state IN ('running', 'waiting', 'parked', 'stuck', 'compensating')
RETURNING key

-- name: compensate
UPDATE process SET cancel_requested = true, attempt = 0, failing_since = NULL, due_at = $2, awaits = NULL,
    held_by = NULL, undoing = true, state = 'compensating'
WHERE key = ANY($1::text[]) AND released AND state IN ('running', 'waiting', 'parked', 'stuck', 'done')
    AND NOT undoing
RETURNING key

-- name: redo
-- Steps that had been done are to be done again.
UPDATE process SET state = 'running', journal = journal - $2::text[], step = '', attempt = 0, failing_since = NULL,
    due_at = $3, awaits = NULL, held_by = NULL, finished_at = NULL, round = round + 1
WHERE key = $1 AND released AND state = 'done' AND NOT undoing
RETURNING key

-- name: replace_input
-- It begins at its first step, in another round, as one that was told anew does (recorder.sql: begin_anew).
UPDATE process SET input = $2, round = round + 1, journal = (SELECT coalesce(jsonb_object_agg(key, value), '{}')
    FROM jsonb_each(process.journal) WHERE value ->> 'state' = 'refused')
WHERE key = $1 AND state = 'stuck' AND NOT undoing RETURNING key

-- name: announce
SELECT pg_notify('suture_processes', '')

-- name: page_active
SELECT key, definition, version, subject, correlation_id, state, step, attempt, worker, due_at, started_at, finished_at,
    held_by, undoing, released
FROM process
WHERE state IN ('running', 'waiting', 'compensating', 'stuck') AND ($1 = '' OR state = $1)
    AND ($2 = '' OR definition = $2) AND ($3::timestamptz IS NULL OR (started_at, key) < ($3, $4))
ORDER BY started_at DESC, key DESC LIMIT $5

-- name: page_parked
SELECT key, definition, version, subject, correlation_id, state, step, attempt, worker, due_at, started_at, finished_at,
    held_by, undoing, released
FROM process
WHERE state = 'parked' AND $1 = 'parked'
    AND ($2 = '' OR definition = $2) AND ($3::timestamptz IS NULL OR (started_at, key) < ($3, $4))
ORDER BY started_at DESC, key DESC LIMIT $5

-- name: page_ended
SELECT key, definition, version, subject, correlation_id, state, step, attempt, worker, due_at, started_at, finished_at,
    held_by, undoing, released
FROM process
WHERE state IN ('cancelled', 'compensated') AND state = $1
    AND ($2 = '' OR definition = $2) AND ($3::timestamptz IS NULL OR (started_at, key) < ($3, $4))
ORDER BY started_at DESC, key DESC LIMIT $5

-- name: page_any
SELECT key, definition, version, subject, correlation_id, state, step, attempt, worker, due_at, started_at, finished_at,
    held_by, undoing, released
FROM process
WHERE ($1 = '' OR state = $1) AND ($2 = '' OR definition = $2)
    AND ($3::timestamptz IS NULL OR (started_at, key) < ($3, $4))
ORDER BY started_at DESC, key DESC LIMIT $5

-- name: unsettled
-- By the indexes of what is not done: never a look at all processes.
SELECT definition, state, count(*) AS count FROM process
WHERE state IN ('running', 'waiting', 'compensating', 'stuck') GROUP BY 1, 2
UNION ALL
SELECT definition, state, count(*) FROM process WHERE state = 'parked' GROUP BY 1, 2
ORDER BY 1, 2
