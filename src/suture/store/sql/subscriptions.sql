-- name: add
INSERT INTO subscription (id, client, url, types, key_id, box, due_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
ON CONFLICT (id) DO NOTHING

-- name: list
SELECT * FROM subscription WHERE ($1 = '' OR client = $1) ORDER BY created_at, id

-- name: one
SELECT * FROM subscription WHERE id = $1 AND ($2 = '' OR client = $2)

-- name: remove
DELETE FROM subscription WHERE id = $1 AND client = $2 RETURNING id

-- name: switch
UPDATE subscription SET state = $2, reason = $3, failing_since = NULL, attempt = 0, due_at = $4 WHERE id = $1 RETURNING id

-- name: reseal
UPDATE subscription SET key_id = $2, box = $3, previous_until = $4 WHERE id = $1

-- name: enabled
SELECT id, types FROM subscription WHERE state = 'enabled'

-- name: fan_out
-- In the order in which they come: that of the stream.
INSERT INTO outbound_delivery (subscription, event, type, body, created_at)
SELECT subscription, event, type, body, $5
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) WITH ORDINALITY
    AS new (subscription, event, type, body, place)
WHERE EXISTS (SELECT FROM subscription known WHERE known.id = new.subscription)
ORDER BY place
ON CONFLICT DO NOTHING

-- name: hasten
UPDATE subscription SET due_at = $2 WHERE id = ANY($1::uuid[]) AND state = 'enabled' AND attempt = 0 AND due_at > $2

-- name: claim
-- Subscribers whose turn it is and for whom something waits; the claim lasts until $2.
UPDATE subscription SET due_at = $2 WHERE id IN (
    SELECT id FROM subscription WHERE state = 'enabled' AND due_at <= $1
        AND EXISTS (SELECT FROM outbound_delivery WHERE subscription = id AND outbound_delivery.state = 'waiting')
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING *

-- name: waiting
SELECT event, type, body, attempts, created_at FROM outbound_delivery
WHERE subscription = $1 AND state = 'waiting' ORDER BY number LIMIT $2

-- name: settle
UPDATE outbound_delivery SET state = $3, attempts = attempts + 1, answered_at = $4, answer = $5
WHERE subscription = $1 AND event = $2

-- name: release
UPDATE subscription SET due_at = $2, attempt = $3, failing_since = $4 WHERE id = $1 AND state = 'enabled'

-- name: deliveries
SELECT event, type, state, created_at, attempts, answered_at, answer FROM outbound_delivery
WHERE subscription = $1 AND ($2 = '' OR state = $2)
ORDER BY number DESC LIMIT $3

-- name: redeliver
UPDATE outbound_delivery SET state = 'waiting', attempts = 0 WHERE subscription = $1 AND event = $2 RETURNING event

-- name: clear
DELETE FROM outbound_delivery WHERE state <> 'waiting' AND created_at < $1
