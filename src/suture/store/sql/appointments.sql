-- name: ensure
INSERT INTO appointment (reference) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING

-- name: lock
SELECT reference, status, sequence, changed_at FROM appointment WHERE reference = ANY($1::text[])
ORDER BY reference FOR UPDATE

-- name: advance
UPDATE appointment SET status = new.status, sequence = new.sequence, changed_at = new.changed_at
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[]) AS new (reference, status, sequence, changed_at)
WHERE appointment.reference = new.reference

-- name: known
SELECT count(*) FROM appointment WHERE reference = ANY($1::text[])

-- name: count_by_status
SELECT status, count(*) AS count FROM appointment GROUP BY status

-- name: told_first
-- A subject of an interface that is no more may be told by another.
INSERT INTO teller (subject, interface) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (subject) DO UPDATE SET interface = excluded.interface
WHERE teller.interface <> ALL ($3::text[])

-- name: tellers
SELECT subject, interface FROM teller WHERE subject = ANY($1::text[])
