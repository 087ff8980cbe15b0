-- name: fingerprints
SELECT reference, fingerprint, told_at FROM party WHERE reference = ANY($1::text[])

-- name: put
INSERT INTO party (reference, fingerprint, key_id, box, updated_at, told_at)
SELECT reference, fingerprint, key_id, box, $5, told_at
FROM unnest($1::text[], $2::bytea[], $3::int[], $4::bytea[], $6::timestamptz[])
    AS new (reference, fingerprint, key_id, box, told_at)
ON CONFLICT (reference) DO UPDATE SET fingerprint = excluded.fingerprint, key_id = excluded.key_id,
    box = excluded.box, updated_at = excluded.updated_at, told_at = excluded.told_at
WHERE party.fingerprint <> excluded.fingerprint AND party.told_at <= excluded.told_at
RETURNING reference

-- name: get
SELECT reference, key_id, box FROM party WHERE reference = ANY($1::text[])

-- name: index
INSERT INTO party_identifier (print, reference)
SELECT print, reference FROM unnest($1::bytea[], $2::text[]) AS new (print, reference) ON CONFLICT DO NOTHING

-- name: find
SELECT reference FROM party_identifier WHERE print = $1 ORDER BY reference
