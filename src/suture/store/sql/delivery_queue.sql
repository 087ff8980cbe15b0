-- name: claim
-- Of each interface that isn't paused, oldest first. One that is replayed waits for its time, and for those of its
-- subject before it.
SELECT waiting.* FROM unnest($3::text[]) AS flowing (name) CROSS JOIN LATERAL (
    SELECT delivery.id, interface, delivery_id, coalesce(corrected.key_id, delivery.key_id) AS key_id,
        coalesce(corrected.box, delivery.box) AS box, corrected.id AS correction, received_at, replays,
        (SELECT max(code_correction.id) FROM code_correction) AS codes
    FROM delivery LEFT JOIN LATERAL (
        SELECT correction.id, correction.key_id, correction.box FROM payload_correction AS correction
        WHERE correction.delivery = delivery.id AND delivery.replays IS NOT NULL ORDER BY correction.id DESC LIMIT 1
    ) AS corrected ON true
    WHERE interface = flowing.name AND state = 'received' AND (not_before IS NULL OR not_before <= $2)
        AND (subject IS NULL OR NOT EXISTS (
            SELECT FROM delivery AS earlier
            WHERE earlier.subject = delivery.subject AND earlier.state = 'received' AND earlier.id < delivery.id))
    ORDER BY delivery.id LIMIT $1 FOR UPDATE OF delivery SKIP LOCKED
) AS waiting ORDER BY id

-- name: claim_unknown
-- What waits on interfaces that the catalogue no longer has.
SELECT id, interface, delivery_id, key_id, box, NULL::bigint AS correction, received_at, replays, NULL::bigint AS codes
FROM delivery WHERE state = 'received' AND interface <> ALL ($2::text[])
ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED

-- name: settle
UPDATE delivery SET state = settled.state, subject = coalesce(settled.subject, delivery.subject), ingested_at = $4
FROM unnest($1::bigint[], $2::text[], $3::text[]) AS settled (id, state, subject)
WHERE delivery.id = settled.id AND delivery.state = 'received'
RETURNING delivery.id

-- name: next_due
SELECT min(not_before) FROM delivery WHERE state = 'received' AND not_before IS NOT NULL

-- name: select
SELECT delivery.id, delivery.interface, delivery_id, receipt, octet_length(delivery.box) AS size, received_at,
    delivery.state, ingested_at, delivery.subject, coalesce(replays, 0) AS replays,
    coalesce((SELECT code FROM exception WHERE exception.delivery = delivery.id AND exception.state = 'open'
        ORDER BY opened_at DESC LIMIT 1), '') AS code
FROM delivery
WHERE (cardinality($1::bigint[]) = 0 OR delivery.id = ANY($1)) AND ($2 = '' OR delivery.interface = $2)
    AND ($3 = '' OR delivery.state = $3)
    AND ($4::timestamptz IS NULL OR received_at >= $4) AND ($5::timestamptz IS NULL OR received_at < $5)
    AND ($6 = '' OR EXISTS (
        SELECT FROM exception WHERE exception.delivery = delivery.id AND exception.state = 'open' AND code = $6))
    AND ($7 = '' OR delivery_id = $7 OR delivery.subject = $7) AND delivery.id > $8
ORDER BY delivery.id LIMIT $9

-- name: replay
-- Those at work already are left alone. Each has its time, so that a replay goes at its rate.
UPDATE delivery SET state = 'received', replays = coalesce(replays, 0) + 1, not_before = again.at,
    subject = coalesce(delivery.subject, again.subject)
FROM unnest($1::bigint[], $2::timestamptz[], $3::text[]) AS again (id, at, subject)
WHERE delivery.id = again.id AND state IN ('ingested', 'excepted')
RETURNING delivery.id

-- name: sealed
SELECT delivery.id, delivery.interface, delivery_id, coalesce(corrected.key_id, delivery.key_id) AS key_id,
    coalesce(corrected.box, delivery.box) AS box, corrected.id AS correction, received_at, replays,
    NULL::bigint AS codes
FROM delivery LEFT JOIN LATERAL (
    SELECT correction.id, correction.key_id, correction.box FROM payload_correction AS correction
    WHERE correction.delivery = delivery.id AND NOT $2 ORDER BY correction.id DESC LIMIT 1
) AS corrected ON true
WHERE delivery.id = ANY($1::bigint[]) ORDER BY delivery.id
