-- name: data_key
SELECT id, wrapped FROM data_key WHERE organisation = $1 AND period = $2

-- name: add_data_key
INSERT INTO data_key (organisation, period, wrapped) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: data_key_by_id
SELECT period, wrapped FROM data_key WHERE id = $1
