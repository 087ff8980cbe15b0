-- name: data_key
SELECT id, wrapped FROM data_key WHERE organisation = $1 AND period = $2

-- name: add_data_key
INSERT INTO data_key (organisation, period, wrapped) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: data_key_by_id
SELECT period, wrapped FROM data_key WHERE id = $1

-- name: key_check
SELECT value FROM key_check

-- name: lock_key_check
SELECT pg_advisory_xact_lock(1398097238)

-- name: oldest_data_key
SELECT wrapped FROM data_key ORDER BY id LIMIT 1

-- name: data_keys
SELECT organisation, period, wrapped FROM data_key ORDER BY id

-- name: add_key_check
INSERT INTO key_check (value) VALUES ($1) RETURNING value
