-- name: fingerprints
SELECT reference, fingerprint FROM party WHERE reference = ANY($1::text[])

-- name: put
INSERT INTO party (reference, fingerprint, key_id, box, updated_at)
SELECT reference, fingerprint, key_id, box, $5
FROM unnest($1::text[], $2::bytea[], $3::int[], $4::bytea[]) AS new (reference, fingerprint, key_id, box)
ON CONFLICT (reference) DO UPDATE SET fingerprint = excluded.fingerprint, key_id = excluded.key_id,
    box = excluded.box, updated_at = excluded.updated_at
WHERE party.fingerprint <> excluded.fingerprint
RETURNING reference

-- name: get
SELECT reference, key_id, box FROM party WHERE reference = ANY($1::text[])
