-- A row is an appointment's once its system, or a person, told of the appointment itself (`status`, or an `exception`
-- about it). Until then it keeps what others tell early: a payment for a visit that nobody told of is no visit.

-- name: upsert
INSERT INTO journey AS j (appointment, facility, status, sequence, start_at, milestones, payments, currency,
    charge_total, invoice_number, invoice_total, residual, residual_at, payment_state, updated_at, day, known_at)
SELECT appointment, facility, status, sequence, start_at, milestones::jsonb, payments::jsonb, currency,
    charge_total, invoice_number, invoice_total, residual, residual_at, payment_state, updated_at, day, known_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
    $9::numeric[], $10::text[], $11::numeric[], $12::numeric[], $13::timestamptz[], $14::text[], $15::timestamptz[],
    $16::date[], $17::timestamptz[])
    AS new (appointment, facility, status, sequence, start_at, milestones, payments, currency, charge_total,
    invoice_number, invoice_total, residual, residual_at, payment_state, updated_at, day, known_at)
ON CONFLICT (appointment) DO UPDATE SET
    facility = coalesce(excluded.facility, j.facility),
    status = CASE WHEN excluded.sequence >= j.sequence AND excluded.status <> '' THEN excluded.status ELSE j.status END,
    sequence = greatest(excluded.sequence, j.sequence),
    start_at = CASE WHEN excluded.sequence >= j.sequence THEN coalesce(excluded.start_at, j.start_at) ELSE j.start_at END,
    milestones = excluded.milestones || j.milestones,
    payments = j.payments || excluded.payments,
    currency = coalesce(excluded.currency, j.currency),
    charge_total = coalesce(excluded.charge_total, j.charge_total),
    invoice_number = coalesce(excluded.invoice_number, j.invoice_number),
    invoice_total = coalesce(excluded.invoice_total, j.invoice_total),
    -- What was told last is open: a payment that comes back opens it again. What comes again changes nothing.
    residual = CASE WHEN (excluded.residual_at, -excluded.residual) < (j.residual_at, -j.residual) THEN j.residual
        ELSE coalesce(excluded.residual, j.residual) END,
    residual_at = greatest(excluded.residual_at, j.residual_at),
    payment_state = CASE
        WHEN j.payment_state = 'reversed'
            OR (excluded.residual_at, -excluded.residual) < (j.residual_at, -j.residual) THEN j.payment_state
        ELSE coalesce(excluded.payment_state, j.payment_state) END,
    day = CASE WHEN excluded.sequence >= j.sequence THEN coalesce(excluded.day, j.day) ELSE j.day END,
    known_at = least(excluded.known_at, j.known_at),
    updated_at = greatest(excluded.updated_at, j.updated_at)

-- name: funnel
-- What was told as completed and not understood is completed.
WITH untold AS (
    SELECT DISTINCT substr(subject, 13) AS appointment FROM exception
    WHERE state = 'open' AND told = 'fulfilled' AND subject LIKE 'Appointment/%'
), seen AS (
    SELECT journey.*, CASE WHEN untold.appointment IS NOT NULL AND status IN ('', 'booked', 'arrived') THEN 'fulfilled'
        ELSE status END AS stands
    FROM journey LEFT JOIN untold USING (appointment)
    WHERE updated_at >= $1 AND (status <> '' OR milestones ? 'exception')
)
SELECT count(*) AS seen,
    count(*) FILTER (WHERE stands IN ('booked', 'arrived')) AS to_come,
    count(*) FILTER (WHERE stands = 'fulfilled') AS completed,
    count(*) FILTER (WHERE stands = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE stands = 'noshow') AS no_show,
    count(*) FILTER (WHERE stands = 'fulfilled' AND milestones ? 'charged') AS charged,
    count(*) FILTER (WHERE stands = 'fulfilled' AND milestones ? 'posted') AS posted,
    count(*) FILTER (WHERE stands = 'fulfilled' AND payment_state IN ('paid', 'in_payment')) AS paid,
    count(*) FILTER (WHERE stands = 'fulfilled' AND NOT milestones ? 'charged') AS unbilled,
    count(*) FILTER (WHERE stands = 'fulfilled' AND milestones ? 'charged' AND NOT milestones ? 'posted') AS unposted,
    count(*) FILTER (WHERE stands = 'fulfilled' AND milestones ? 'posted'
        AND payment_state NOT IN ('paid', 'in_payment')) AS unpaid,
    coalesce(sum(charge_total) FILTER (WHERE stands = 'fulfilled'), 0) AS charge_total,
    round(count(*) FILTER (WHERE stands = 'fulfilled' AND NOT milestones ? 'charged') * coalesce((
        SELECT avg(charge_total) FROM (SELECT charge_total FROM journey WHERE charge_total IS NOT NULL
            ORDER BY updated_at DESC LIMIT 200) AS recent), 0), 2) AS unbilled_total,
    coalesce(sum(charge_total) FILTER (WHERE stands = 'fulfilled' AND NOT milestones ? 'posted'), 0) AS unposted_total,
    coalesce(sum(invoice_total) FILTER (WHERE stands = 'fulfilled'), 0) AS invoice_total,
    coalesce(sum(residual) FILTER (WHERE stands = 'fulfilled'), 0) AS residual,
    min((milestones ->> 'posted')::timestamptz) FILTER (WHERE (milestones ->> 'posted')::timestamptz >= $1)
        AS first_posted_at,
    max((milestones ->> 'posted')::timestamptz) AS last_posted_at
FROM seen

-- name: of_stage
WITH untold AS (
    SELECT DISTINCT substr(subject, 13) AS appointment FROM exception
    WHERE state = 'open' AND told = 'fulfilled' AND subject LIKE 'Appointment/%'
), seen AS (
    SELECT journey.*, CASE WHEN untold.appointment IS NOT NULL AND status IN ('', 'booked', 'arrived') THEN 'fulfilled'
        ELSE status END AS stands
    FROM journey LEFT JOIN untold USING (appointment)
    WHERE updated_at >= $1 AND (status <> '' OR milestones ? 'exception')
)
SELECT appointment, facility, status, start_at, milestones::text AS milestones, payments::text AS payments, currency,
    charge_total, invoice_number, invoice_total, residual, residual_at, payment_state, updated_at
FROM seen WHERE CASE $2
    WHEN 'seen' THEN true
    WHEN 'to_come' THEN stands IN ('booked', 'arrived')
    WHEN 'completed' THEN stands = 'fulfilled'
    WHEN 'cancelled' THEN stands = 'cancelled'
    WHEN 'no_show' THEN stands = 'noshow'
    WHEN 'charged' THEN stands = 'fulfilled' AND milestones ? 'charged'
    WHEN 'posted' THEN stands = 'fulfilled' AND milestones ? 'posted'
    WHEN 'paid' THEN stands = 'fulfilled' AND payment_state IN ('paid', 'in_payment')
    WHEN 'unbilled' THEN stands = 'fulfilled' AND NOT milestones ? 'charged'
    WHEN 'unposted' THEN stands = 'fulfilled' AND milestones ? 'charged' AND NOT milestones ? 'posted'
    WHEN 'unpaid' THEN stands = 'fulfilled' AND milestones ? 'posted' AND payment_state NOT IN ('paid', 'in_payment')
END
    AND ($3::timestamptz IS NULL OR (updated_at, appointment) < ($3, $4))
ORDER BY updated_at DESC, appointment DESC LIMIT $5

-- name: postings
SELECT to_timestamp(floor(extract(epoch FROM (milestones ->> 'posted')::timestamptz) / $2::int) * $2::int) AS at,
    count(*) AS count, coalesce(sum(invoice_total), 0) AS total
FROM journey WHERE updated_at >= $1 AND (milestones ->> 'posted')::timestamptz >= $1
GROUP BY 1 ORDER BY 1

-- name: starting_with
SELECT appointment FROM journey
WHERE appointment >= $1 AND appointment < $1 || chr(1114111) AND starts_with(appointment, $1)
ORDER BY appointment LIMIT $2

-- name: recent
SELECT appointment, facility, status, start_at, milestones::text AS milestones, payments::text AS payments, currency,
    charge_total, invoice_number, invoice_total, residual, residual_at, payment_state, updated_at
FROM journey WHERE status <> '' OR milestones ? 'exception' ORDER BY updated_at DESC, appointment LIMIT $1

-- name: one
SELECT appointment, facility, status, start_at, milestones::text AS milestones, payments::text AS payments, currency,
    charge_total, invoice_number, invoice_total, residual, residual_at, payment_state, updated_at, day,
    known_at
FROM journey WHERE appointment = $1

-- name: deliveries
SELECT delivery.id, interface, delivery_id, receipt, octet_length(box) AS size, received_at, state, ingested_at
FROM delivery WHERE receipt = ANY($1::uuid[]) ORDER BY id

-- name: page
-- The ones that moved last first, after a place ($3, $4) in that order.
SELECT appointment, facility, status, sequence, start_at, milestones::text AS milestones, payments::text AS payments,
    currency, charge_total, invoice_number, invoice_total, residual, residual_at, payment_state, updated_at
FROM journey
WHERE (status <> '' OR milestones ? 'exception') AND ($1 = '' OR status = $1) AND ($2::timestamptz IS NULL OR updated_at >= $2)
    AND ($3::timestamptz IS NULL OR (updated_at, appointment) < ($3, $4))
ORDER BY updated_at DESC, appointment DESC LIMIT $5

-- name: days
-- The last days: how many visits there were and how many of them are posted.
SELECT day::date AS day, coalesce(completed, 0) AS completed, coalesce(posted, 0) AS posted
FROM generate_series($1::date, $2::date, interval '1 day') AS day
LEFT JOIN (
    SELECT coalesce(journey.day, ((milestones ->> 'completed')::timestamptz AT TIME ZONE $3)::date) AS at,
        count(*) AS completed,
        count(*) FILTER (WHERE milestones ? 'posted') AS posted
    FROM journey WHERE updated_at >= $4 AND milestones ? 'completed' AND status = 'fulfilled' GROUP BY 1
) AS counted ON counted.at = day::date ORDER BY 1
