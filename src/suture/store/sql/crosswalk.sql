-- name: recall
SELECT name, key, model, record, prints::text FROM crosswalk WHERE system = $1 AND name = ANY($2::text[])

-- name: remember
INSERT INTO crosswalk (system, name, key, model, record, prints, written_at)
SELECT $1, name, key, model, record, prints::jsonb, $7
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[]) AS new (name, key, model, record, prints)
ON CONFLICT (system, name) DO UPDATE
SET key = coalesce(nullif(excluded.key, ''), crosswalk.key), model = excluded.model, record = excluded.record, prints = excluded.prints, written_at = excluded.written_at

-- name: forget
DELETE FROM crosswalk WHERE system = $1 AND name = $2 RETURNING name

-- name: by_record
SELECT name, key, model, record, prints::text FROM crosswalk
WHERE system = $1 AND model = $2 AND record = ANY($3::bigint[])

-- name: page
SELECT name, key, model, record, prints::text FROM crosswalk
WHERE system = $1 AND model = $2 AND name > $3 AND written_at >= $5 ORDER BY name LIMIT $4
