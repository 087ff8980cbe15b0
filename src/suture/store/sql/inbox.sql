-- name: accept
WITH new AS (
    INSERT INTO delivery (interface, delivery_id, receipt, fingerprint, key_id, box, received_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bytea[], $5::int[], $6::bytea[], $7::timestamptz[])
    ON CONFLICT (interface, delivery_id) DO NOTHING
    RETURNING receipt
)
SELECT receipt, CASE WHEN row_number() OVER () = 1 THEN pg_notify('suture_deliveries', '') END FROM new

-- name: accepted_fingerprints
SELECT receipt, fingerprint FROM delivery WHERE receipt = ANY($1::uuid[])

-- name: keep_conflict
INSERT INTO delivery_conflict (interface, delivery_id, fingerprint, key_id, box, received_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING

-- name: count_refusals
INSERT INTO refusal (interface, day, reason, count, last_at)
SELECT * FROM unnest($1::text[], $2::date[], $3::text[], $4::bigint[], $5::timestamptz[])
ON CONFLICT (interface, day, reason) DO UPDATE SET count = refusal.count + excluded.count, last_at = excluded.last_at
