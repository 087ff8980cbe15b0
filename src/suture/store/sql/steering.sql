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
