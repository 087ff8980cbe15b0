-- name: ask
INSERT INTO approval (command, subject, reason, key_id, box, asked_by, asked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING number

-- name: one
SELECT * FROM approval WHERE number = $1

-- name: newest
SELECT * FROM approval WHERE $1 = '' OR state = $1 ORDER BY number DESC LIMIT $2

-- name: decide
UPDATE approval SET state = $2, decided_by = $3, decided_at = $4 WHERE number = $1 AND state = 'asked' RETURNING number

-- name: outcome
UPDATE approval SET state = $2, outcome = $3 WHERE number = $1
