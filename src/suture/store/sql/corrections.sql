-- name: add_code
INSERT INTO code_correction (code_table, source, code, actor, reason, at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: codes
SELECT DISTINCT ON (code_table, source) id, code_table, source, code, actor, reason, at
FROM code_correction ORDER BY code_table, source, id DESC

-- name: history
SELECT id, code_table, source, code, actor, reason, at FROM code_correction WHERE code_table = $1 ORDER BY id

-- name: add_payload
INSERT INTO payload_correction (delivery, key_id, box, actor, reason, at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id
