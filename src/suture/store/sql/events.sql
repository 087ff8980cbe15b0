-- name: recorded
SELECT id FROM event WHERE id = ANY($1::uuid[])

-- name: find
SELECT wanted.correlation_id, wanted.type, told.data
FROM unnest($1::text[], $2::text[]) AS wanted (correlation_id, type)
CROSS JOIN LATERAL (
    SELECT data FROM event
    WHERE event.correlation_id = wanted.correlation_id AND event.type = wanted.type AND NOT stale
    ORDER BY recorded_at, seq LIMIT 1
) AS told

-- name: unpublished
SELECT seq, id, type, source, subject, organisation, facility, sequence, occurred_at, recorded_at, correlation_id,
    causation_id, data
FROM outbox JOIN event USING (seq) ORDER BY seq LIMIT $1

-- name: published
DELETE FROM outbox WHERE seq = ANY($1::bigint[])

-- name: of_journey
SELECT seq, id, type, subject, occurred_at, recorded_at, causation_id, data, stale,
    NOT EXISTS (SELECT FROM outbox WHERE outbox.seq = event.seq) AS published
FROM event WHERE correlation_id = $1 ORDER BY seq

-- name: of_types
SELECT type, data FROM event WHERE type = ANY($1::text[]) AND NOT stale ORDER BY seq

-- name: latest_versions
SELECT reference, sequence FROM appointment WHERE reference = ANY($1::text[])

-- name: after
SELECT seq, id, type, source, subject, organisation, facility, sequence, occurred_at, recorded_at, correlation_id,
    causation_id, data
FROM event WHERE seq > $1 AND type = ANY($2::text[]) AND NOT stale ORDER BY seq LIMIT $3

-- name: latest_of_type
SELECT DISTINCT ON (correlation_id) correlation_id, data FROM event
WHERE type = $1 AND correlation_id = ANY($2::text[]) AND NOT stale ORDER BY correlation_id, seq DESC

-- name: genuine
-- What was recorded under these ids. What it says is compared by its digest: it need not travel again.
SELECT id, type, source, subject, organisation, facility, sequence, occurred_at, recorded_at, correlation_id,
    causation_id, sha256(convert_to(data, 'UTF8'))
FROM event WHERE id = ANY($1::uuid[])
