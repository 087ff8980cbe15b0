-- name: begin
-- Taken where nobody has it, or whoever had it fell silent before it answered.
INSERT INTO idempotency (client, key, print, begun_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (client, key) DO UPDATE SET begun_at = $4
WHERE idempotency.status IS NULL AND idempotency.print = $3 AND idempotency.begun_at < $5
RETURNING key

-- name: known
SELECT print, status, key_id, box FROM idempotency WHERE client = $1 AND key = $2

-- name: answer
UPDATE idempotency SET status = $3, key_id = $4, box = $5 WHERE client = $1 AND key = $2

-- name: abandon
DELETE FROM idempotency WHERE client = $1 AND key = $2 AND status IS NULL

-- name: clear
DELETE FROM idempotency WHERE begun_at < $1
