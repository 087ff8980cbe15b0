-- name: ensure
INSERT INTO appointment (reference) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING

-- name: lock
SELECT reference, sequence FROM appointment WHERE reference = ANY($1::text[]) ORDER BY reference FOR UPDATE

-- name: advance
UPDATE appointment SET status = new.status, sequence = new.sequence
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS new (reference, status, sequence)
WHERE appointment.reference = new.reference

-- name: known
SELECT count(*) FROM appointment WHERE reference = ANY($1::text[])

-- name: count_by_status
SELECT status, count(*) AS count FROM appointment GROUP BY status
