-- name: raise
INSERT INTO exception (id, code, outcome, reason, remedy, owner, interface, delivery, process, step, subject,
    opened_at, last_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
ON CONFLICT (id) DO UPDATE SET code = excluded.code, outcome = excluded.outcome, reason = excluded.reason,
    remedy = excluded.remedy, last_at = excluded.last_at, count = exception.count + 1, state = 'open',
    resolved_at = NULL

-- name: resolve
UPDATE exception SET state = 'resolved', resolved_at = $2
WHERE process = ANY($1::text[]) AND state = 'open'

-- name: open
SELECT * FROM exception WHERE state = 'open' ORDER BY opened_at DESC LIMIT $1

-- name: count_open
SELECT count(*) FROM exception WHERE state = 'open'

-- name: of_subjects
SELECT * FROM exception WHERE subject = ANY($1::text[]) ORDER BY opened_at
