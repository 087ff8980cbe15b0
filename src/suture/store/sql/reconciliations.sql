-- name: request
INSERT INTO reconciliation (first, last, by, correlation_id, requested_at, at_once) VALUES ($1, $2, $3, $4, $5, $6)
RETURNING id

-- name: next
-- The oldest that isn't done: one that was broken off goes on before a new one begins.
SELECT * FROM reconciliation WHERE state IN ('requested', 'reading', 'comparing') ORDER BY id LIMIT 1

-- name: of_correlation
SELECT * FROM reconciliation WHERE correlation_id = $1 ORDER BY id DESC LIMIT 1

-- name: one
SELECT * FROM reconciliation WHERE id = $1

-- name: latest
SELECT * FROM reconciliation WHERE state = 'done' ORDER BY id DESC LIMIT $1

-- name: begin
UPDATE reconciliation SET state = 'reading', days = $2, position = 0, started_at = $3 WHERE id = $1

-- name: advance
UPDATE reconciliation SET state = $2, position = $3, documents = documents + $4, found = found + $5,
    cleared = cleared + $6, explained = explained + $7 WHERE id = $1

-- name: folded
UPDATE reconciliation SET events = $2 WHERE id = $1

-- name: folded_until
SELECT coalesce(max(events), 0) FROM reconciliation

-- name: claim_schedule
-- True where the last claim is old; the first only begins to wait.
INSERT INTO change_cursor (interface, cursor, read_at) VALUES ('reconciliation', '', $1)
ON CONFLICT (interface) DO UPDATE SET read_at = $1 WHERE change_cursor.read_at <= $2
RETURNING xmax <> 0

-- name: done_until
SELECT max(events) FROM reconciliation WHERE state = 'done'

-- name: try_lock
SELECT pg_try_advisory_lock($1)

-- name: unlock
SELECT pg_advisory_unlock($1)

-- name: finish
UPDATE reconciliation SET state = $2, finished_at = $3, failure = $4 WHERE id = $1

-- name: announce
SELECT pg_notify('suture_reconciliation', '')

-- name: newest
SELECT * FROM reconciliation ORDER BY id DESC LIMIT $1
