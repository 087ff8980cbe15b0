-- name: claim
INSERT INTO change_cursor (interface, cursor, read_at) VALUES ($1, '', $2)
ON CONFLICT (interface) DO UPDATE SET read_at = $2 WHERE change_cursor.read_at <= $3
RETURNING cursor

-- name: advance
UPDATE change_cursor SET cursor = $3, read_at = $4 WHERE interface = $1 AND cursor = $2 RETURNING interface

-- name: hint
SELECT pg_notify('suture_hints', $1)
