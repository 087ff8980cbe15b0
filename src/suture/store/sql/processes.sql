-- name: claim
-- A process that turns to compensating starts counting its attempts anew. Where the holder before did not release it, a
-- worker fell silent in the middle of a step, and what came of that step is in doubt. A stuck one is due when nobody
-- has decided for as long as its interface allows: then it is undone. One whose definition nobody here knows is left
-- to workers that do, for ten minutes.
WITH due AS MATERIALIZED (
    SELECT key, released, state FROM process
    WHERE state IN ('running', 'waiting', 'compensating', 'stuck') AND due_at <= $1
        AND ($5::text[] IS NULL OR definition = ANY($5) OR due_at <= $1 - interval '10 minutes')
    ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE process SET fence = fence + 1, worker = $3, released = false, due_at = $4, awaits = NULL,
    attempt = CASE WHEN (cancel_requested AND process.state <> 'compensating') OR process.state = 'stuck' THEN 0
        ELSE attempt END,
    failing_since = CASE WHEN (cancel_requested AND process.state <> 'compensating') OR process.state = 'stuck'
        THEN NULL ELSE failing_since END,
    undoing = undoing OR cancel_requested OR process.state = 'stuck',
    in_doubt = in_doubt OR (NOT due.released AND due.state = 'running'),
    state = CASE WHEN cancel_requested OR process.state = 'stuck' THEN 'compensating'
        WHEN process.state = 'waiting' THEN 'running' ELSE process.state END
FROM due WHERE process.key = due.key
RETURNING process.key, definition, version, subject, correlation_id, causation_id, facility, process.state, input,
    journal::text AS journal, step, attempt, failing_since, fence, started_at, cancel_requested, in_doubt, round

-- name: renew
UPDATE process SET due_at = $3
FROM unnest($1::text[], $2::bigint[]) AS held (key, fence)
WHERE process.key = held.key AND process.fence = held.fence AND state IN ('running', 'compensating')

-- name: checkpoint
-- One with a due time gives the process up: the fence rises, so that a renewal under way can't take it back.
-- A process whose cancellation came meanwhile neither ends nor stops nor goes on forward: it turns round here, and is
-- undone with all the tries and time that an undo has. Whoever takes it over from a worker that falls silent on the way
-- back has no step ahead in doubt: none was begun after this.
UPDATE process SET
    state = CASE WHEN cp.state IN ('running', 'done', 'stuck', 'parked') AND cancel_requested AND NOT process.undoing
        THEN 'compensating' ELSE cp.state END,
    undoing = process.undoing OR cp.state = 'compensating' OR cancel_requested, in_doubt = false,
    step = cp.step, awaits = cp.awaits,
    held_by = CASE WHEN cp.state = 'parked' AND (process.undoing OR NOT cancel_requested) THEN cp.held_by END,
    attempt = CASE WHEN cancel_requested AND NOT process.undoing THEN 0 ELSE cp.attempt END,
    failing_since = CASE WHEN process.undoing OR NOT cancel_requested THEN cp.failing_since END,
    due_at = CASE WHEN cp.state IN ('stuck', 'parked') AND cancel_requested AND NOT process.undoing THEN cp.at
        ELSE coalesce(cp.due_at, process.due_at) END,
    fence = process.fence + (cp.due_at IS NOT NULL)::int,
    released = cp.due_at IS NOT NULL OR cp.state NOT IN ('running', 'compensating')
        AND NOT (cp.state = 'done' AND cancel_requested AND NOT process.undoing),
    finished_at = CASE WHEN cp.state IN ('done', 'compensated') THEN cp.at END,
    journal = process.journal || cp.journal::jsonb
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::int[], $6::text[], $7::timestamptz[],
    $8::timestamptz[], $9::text[], $10::timestamptz[], $11::text[])
    AS cp (key, fence, state, step, attempt, awaits, due_at, at, journal, failing_since, held_by)
WHERE process.key = cp.key AND process.fence = cp.fence
RETURNING process.key, cp.fence, process.state, cancel_requested

-- name: next_due
SELECT min(due_at) FROM process
WHERE state IN ('running', 'waiting', 'compensating', 'stuck') AND ($1::text[] IS NULL OR definition = ANY($1))

-- name: of_subject
SELECT key, definition, state, journal::text AS journal, step, attempt, worker, fence, due_at, started_at, finished_at,
    held_by, undoing
FROM process WHERE correlation_id = $1 ORDER BY started_at

-- name: count_by_state
SELECT definition, state, count(*) AS count FROM process GROUP BY definition, state
