-- name: queues
SELECT queue, count, coalesce(greatest(extract(epoch FROM $1::timestamptz - oldest), 0), 0)::double precision AS age FROM (
    SELECT 'received' AS queue, count(*) AS count, min(received_at) AS oldest FROM delivery WHERE state = 'received'
    UNION ALL
    SELECT 'due', count(*), min(due_at) FROM process WHERE state IN ('running', 'compensating') AND due_at <= $1
    UNION ALL
    SELECT 'parked', count(*), min(started_at) FROM process WHERE state = 'parked'
    UNION ALL
    SELECT 'waiting', count(*), min(started_at) FROM process WHERE state = 'waiting'
    UNION ALL
    SELECT 'stuck', count(*), min(started_at) FROM process WHERE state = 'stuck'
    UNION ALL
    SELECT 'unpublished', count(*), min(event.recorded_at) FROM outbox JOIN event USING (seq)
    UNION ALL
    SELECT 'webhooks', count(*), min(created_at) FROM outbound_delivery WHERE state = 'waiting'
) AS waiting

-- name: exceptions
SELECT code, owner, count(*) AS count, count(*) FILTER (WHERE due_at < $1) AS overdue
FROM exception WHERE state = 'open' GROUP BY 1, 2

-- name: gates
SELECT interface, breaker <> 'closed' AS breaker, paused_at IS NOT NULL AS paused FROM gate

-- name: discrepancies
SELECT rule, count(*) AS count, coalesce(sum(abs(money)), 0) AS money FROM discrepancy
WHERE state IN ('open', 'repairing') GROUP BY 1

-- name: reconciled_at
SELECT max(finished_at) FROM reconciliation WHERE state = 'done'

-- name: inbound
-- Of the deliveries of a window: how many there were, and how many were understood in time. What still has time isn't
-- asked about.
SELECT interface, count(*) AS total, count(*) FILTER (
    WHERE state = 'ingested' AND ingested_at <= received_at + make_interval(secs => $3)) AS good
FROM delivery WHERE received_at >= $1 AND received_at < $2::timestamptz - make_interval(secs => $3) AND interface = $4
GROUP BY interface

-- name: outbound
-- Of the visits that were known to be completed in a window: how many there were, and how many got to a milestone in
-- time. Time runs from when it could be known: a visit that was told late is not late here.
SELECT count(*) AS total, count(*) FILTER (
    WHERE (milestones ->> $4)::timestamptz <= known + make_interval(secs => $3)
    ) AS good
FROM (
    SELECT milestones, coalesce(known_at, (milestones ->> 'completed')::timestamptz) AS known FROM journey
    WHERE updated_at >= $1 AND milestones ? 'completed' AND NOT milestones ? 'cancelled'
) AS completed
WHERE known >= $1 AND known < $2::timestamptz - make_interval(secs => $3)

-- name: traffic
-- An interface's deliveries of the last days, by the day in a zone on which they came.
SELECT (received_at AT TIME ZONE $3)::date AS day, count(*) AS received,
    count(*) FILTER (WHERE state = 'ingested') AS understood, count(*) FILTER (WHERE state = 'excepted') AS excepted,
    coalesce(sum(octet_length(box)), 0) AS octets
FROM delivery WHERE interface = $1 AND received_at >= $2 GROUP BY 1 ORDER BY 1

-- name: refusals
SELECT interface, day, reason, count, last_at FROM refusal WHERE interface = $1 AND day >= $2 ORDER BY day DESC, reason LIMIT 20

-- name: waits
-- What waits for a person, for a system or for something to come; at the door, what was turned away since $1.
SELECT 'exceptions' AS queue, count(*) AS count, min(opened_at) AS oldest FROM exception WHERE state = 'open'
UNION ALL
SELECT 'differences', count(*), min(opened_at) FROM discrepancy WHERE state IN ('open', 'repairing')
UNION ALL
SELECT 'approvals', count(*), min(asked_at) FROM approval WHERE state = 'asked'
UNION ALL
SELECT 'signatures', count(*), min(started_at) FROM process
WHERE state = 'waiting' AND definition = 'month_end_close' AND step IN ('signed', 'countersigned')
UNION ALL
SELECT 'stuck', count(*), min(started_at) FROM process WHERE state = 'stuck'
UNION ALL
SELECT 'held_up', count(*), min(coalesce(paused_at, opened_at)) FROM gate
WHERE paused_at IS NOT NULL OR breaker <> 'closed'
UNION ALL
SELECT 'turned_away', coalesce(sum(count), 0)::bigint, min(last_at) FROM refusal WHERE last_at >= $1
UNION ALL
SELECT 'conflicts', count(*), min(received_at) FROM delivery_conflict WHERE received_at >= $1
UNION ALL
SELECT 'parked', count(*), min(started_at) FROM process WHERE state = 'parked'
UNION ALL
SELECT 'payments', count(*), min(started_at) FROM process WHERE state = 'waiting' AND definition = 'posted_payment'

-- name: all_refusals
-- What was turned away at the door since a time, by interface, day and reason, the newest first.
SELECT interface, day, reason, count, last_at FROM refusal
WHERE last_at >= $1 AND ($2 = '' OR interface = $2) ORDER BY last_at DESC, interface, reason LIMIT $3

-- name: conflicts
-- Deliveries that came under an id which another content had: kept sealed, and not read.
SELECT interface, delivery_id, received_at FROM delivery_conflict
WHERE received_at >= $1 AND ($2 = '' OR interface = $2) ORDER BY received_at DESC, delivery_id LIMIT $3
