-- name: unsettled
SELECT
    (SELECT count(*) FROM delivery WHERE state = 'received') AS deliveries,
    (SELECT count(*) FROM process WHERE state IN ('running', 'compensating', 'parked')) AS processes,
    (SELECT count(*) FROM process AS waiter WHERE state = 'waiting' AND NOT EXISTS (
        SELECT FROM process AS other WHERE other.correlation_id = waiter.correlation_id
            AND other.state IN ('stuck', 'compensated', 'cancelled'))) AS waiting,
    (SELECT count(*) FROM outbox) AS events

-- name: facts_by_type
SELECT type, count(*) AS count FROM event WHERE NOT stale GROUP BY type

-- name: money
SELECT
    coalesce(sum((data::jsonb -> 'charge' -> 'total' ->> 'amount')::numeric)
        FILTER (WHERE type = 'suture.charge.captured.v1'), 0) AS charge_total,
    coalesce(sum((data::jsonb -> 'total' ->> 'amount')::numeric)
        FILTER (WHERE type = 'suture.invoice.posted.v1'), 0) AS invoice_total,
    coalesce(sum((data::jsonb -> 'amount' ->> 'amount')::numeric)
        FILTER (WHERE type = 'suture.invoice.paid.v1'), 0) AS payment_total
FROM event WHERE type IN ('suture.charge.captured.v1', 'suture.invoice.posted.v1', 'suture.invoice.paid.v1')

-- name: latencies
SELECT
    array(SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
        ORDER BY extract(epoch FROM ingested_at - received_at) * 1000)
        FROM delivery WHERE ingested_at IS NOT NULL) AS ingest,
    array(SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
        ORDER BY extract(epoch FROM posted.recorded_at - delivery.received_at) * 1000)
        FROM event posted
        JOIN event completed ON completed.correlation_id = posted.correlation_id
            AND completed.type = 'suture.appointment.completed.v1'
        JOIN delivery ON delivery.receipt = completed.causation_id
        WHERE posted.type = 'suture.invoice.posted.v1') AS end_to_end,
    (SELECT count(*) FROM event WHERE type = 'suture.invoice.posted.v1') AS flows,
    (SELECT extract(epoch FROM max(recorded_at) - min(recorded_at)) FROM event) AS seconds

-- name: held
-- What an exception holds back, and what a person decided not to act on, for a reason that stands in the audit trail.
SELECT coalesce(process.correlation_id, substring(exception.subject FROM '^Appointment/(.*)$')) AS key,
    exception.subject, code, reason, owner, exception.process, exception.delivery, exception.state
FROM exception LEFT JOIN process ON process.key = exception.process
WHERE exception.state IN ('open', 'discarded') ORDER BY opened_at
