-- name: raise
INSERT INTO exception (id, code, outcome, reason, remedy, owner, interface, delivery, process, step, subject,
    opened_at, last_at, due_at, told)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14)
ON CONFLICT (id) DO UPDATE SET code = excluded.code, outcome = excluded.outcome, reason = excluded.reason,
    remedy = excluded.remedy, owner = excluded.owner, last_at = excluded.last_at, told = excluded.told, count = exception.count + 1,
    opened_at = CASE WHEN exception.state = 'open' THEN exception.opened_at ELSE excluded.opened_at END,
    due_at = CASE WHEN exception.state = 'open' THEN exception.due_at ELSE excluded.due_at END,
    state = 'open', resolved_at = NULL, resolved_by = NULL
RETURNING count

-- name: resolve
UPDATE exception SET state = 'resolved', resolved_at = $2, resolved_by = $3
WHERE process = ANY($1::text[]) AND state = 'open'
RETURNING id, number, process, subject, interface, code, count

-- name: resolve_deliveries
UPDATE exception SET state = 'resolved', resolved_at = $2, resolved_by = $3
WHERE delivery = ANY($1::bigint[]) AND process IS NULL AND state = 'open'
RETURNING id, number, process, subject, interface, code, count

-- name: resolve_ids
UPDATE exception SET state = 'resolved', resolved_at = $2, resolved_by = $3
WHERE id = ANY($1::uuid[]) AND state = 'open'
RETURNING id, number, process, subject, interface, code, count

-- name: discard
UPDATE exception SET state = 'discarded', resolved_at = $2, resolved_by = $3
WHERE id = ANY($1::uuid[]) AND state = 'open'
RETURNING id, number, process, subject, interface, code, count

-- name: assign
UPDATE exception SET assignee = $2 WHERE number = ANY($1::bigint[]) AND state = 'open' RETURNING number

-- name: open
SELECT * FROM exception WHERE state = 'open' ORDER BY opened_at DESC LIMIT $1

-- name: count_open
SELECT count(*) FROM exception WHERE state = 'open'

-- name: select
-- Empty conditions hold for all.
SELECT * FROM exception
WHERE (cardinality($1::bigint[]) = 0 OR number = ANY($1))
    AND ($2 = '' OR state = $2) AND ($3 = '' OR code = $3) AND ($4 = '' OR interface = $4)
    AND ($5 = '' OR owner = $5) AND ($6 = '' OR assignee = $6)
    AND ($7::timestamptz IS NULL OR opened_at >= $7) AND ($8::timestamptz IS NULL OR opened_at < $8)
    AND (cardinality($9::text[]) = 0 OR code = ANY($9)) AND code <> ALL ($10::text[])
    AND ($11 = '' OR reason = $11)
ORDER BY opened_at, number LIMIT $12

-- name: of_subjects
SELECT * FROM exception WHERE subject = ANY($1::text[]) ORDER BY opened_at

-- name: count_overdue
SELECT count(*) FROM exception WHERE state = 'open' AND due_at < $1

-- name: page
-- As select, after a place ($11, $12) in that order.
SELECT * FROM exception
WHERE state = $1 AND ($2 = '' OR code = $2) AND ($3 = '' OR interface = $3)
    AND ($4 = '' OR owner = $4) AND ($5 = '' OR assignee = $5)
    AND ($6::timestamptz IS NULL OR opened_at >= $6) AND ($7::timestamptz IS NULL OR opened_at < $7)
    AND (cardinality($8::text[]) = 0 OR code = ANY($8)) AND code <> ALL ($9::text[])
    AND ($10 = '' OR reason = $10) AND ($11::timestamptz IS NULL OR (opened_at, number) > ($11, $12))
ORDER BY opened_at, number LIMIT $13

-- name: money
SELECT exception.number, coalesce(residual, invoice_total, charge_total) AS money, journey.currency
FROM exception JOIN journey ON journey.appointment = substr(exception.subject, 13)
WHERE exception.number = ANY($1::bigint[]) AND exception.subject LIKE 'Appointment/%'
    AND coalesce(residual, invoice_total, charge_total) IS NOT NULL

-- name: causes
SELECT code, outcome, reason, remedy, owner, interface, count(*) AS count, min(opened_at) AS since,
    min(due_at) AS due_at, coalesce(sum(coalesce(residual, invoice_total, charge_total)), 0) AS money
FROM exception LEFT JOIN journey ON journey.appointment = substr(subject, 13) AND subject LIKE 'Appointment/%'
WHERE exception.state = 'open' GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY count(*) DESC, min(opened_at) LIMIT 200

-- name: of_days
-- Open ones about a visit of these days; where no visit is known, those that were opened on them in the zone $3.
SELECT exception.* FROM exception LEFT JOIN LATERAL (
    SELECT min(day) AS day FROM holding
    WHERE appointment = substr(exception.subject, 13) AND exception.subject LIKE 'Appointment/%'
        AND book IN ('suture.appointment', 'scheduling.appointment')
) AS visit ON true
WHERE state = 'open' AND coalesce(visit.day, (opened_at AT TIME ZONE $3)::date) BETWEEN $1 AND $2
ORDER BY opened_at, number LIMIT $4
