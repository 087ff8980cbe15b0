-- name: stage
CREATE TEMP TABLE staged (LIKE holding) ON COMMIT DROP

-- name: stage_analyze
-- Nobody keeps statistics of a temporary table, and without them its joins with itself are planned badly.
ANALYZE staged (book, key, number, appointment)

-- name: analyze
ANALYZE holding

-- name: fill
-- A document that doesn't say where it belongs is where its appointment is. What is staged looks up what is known, row
-- by row through its key: joined, the planner may well begin with a book that was empty when it last looked.
UPDATE staged SET facility = (SELECT source.facility FROM holding source
    WHERE source.key = staged.appointment AND source.book IN ('scheduling.appointment', 'suture.appointment')
        AND source.facility IS NOT NULL ORDER BY book, number LIMIT 1)
WHERE staged.facility IS NULL AND staged.appointment <> ''

-- name: fill_payments
-- A ledger knows a payment by its own key; of which appointment it is, billing says, and on whose account a patient's is.
UPDATE staged SET (appointment, party) = (SELECT
        coalesce(max(paid.appointment), staged.appointment), coalesce(nullif(staged.party, ''), max(paid.party), '')
    FROM holding paid WHERE paid.key = staged.key AND paid.book = 'billing.payment')
WHERE staged.book IN ('ledger.payment', 'ledger.alteration')

-- name: fill_parties
-- A payment counts to who paid; a patient's counts to the payer of its charge: that is whose account it settles.
UPDATE staged SET party = charge.party FROM staged charge
WHERE staged.book = 'billing.payment' AND staged.party = ''
    AND charge.book = 'billing.charge' AND charge.key = staged.appointment

-- name: fill_parties_known
UPDATE staged SET party = coalesce((SELECT max(charge.party) FROM holding charge
    WHERE charge.key = staged.appointment AND charge.book = 'billing.charge'), '')
WHERE staged.book = 'billing.payment' AND staged.party = ''

-- name: fill_days
-- What was told of a visit later is dated like the visit, as the outside systems date it.
UPDATE staged SET day = coalesce((SELECT visit.day FROM holding visit WHERE visit.key = staged.appointment
    AND visit.book = 'suture.appointment' AND visit.number = staged.appointment), staged.day)
WHERE staged.book IN ('suture.charge', 'suture.supplies', 'suture.share', 'suture.invoice')

-- name: fill_days_staged
UPDATE staged SET day = visit.day FROM staged visit
WHERE staged.book IN ('suture.charge', 'suture.supplies', 'suture.share', 'suture.invoice')
    AND visit.book = 'suture.appointment' AND visit.key = staged.appointment AND visit.state = 'fulfilled'

-- name: fill_visits
-- A scheduling system's plan says when a visit is to end; that it did end, and on which day, stands in what it told.
UPDATE staged SET day = coalesce((SELECT visit.day FROM holding visit WHERE visit.key = staged.key
    AND visit.book = 'suture.appointment' AND visit.number = staged.key AND visit.state = 'fulfilled'), staged.day)
WHERE staged.book = 'scheduling.appointment' AND staged.state = 'fulfilled'

-- name: fill_staged
UPDATE staged SET facility = visit.facility FROM staged visit
WHERE staged.facility IS NULL AND visit.book = 'suture.appointment' AND visit.key = staged.appointment

-- name: sizes
SELECT day, count(*) AS count FROM holding WHERE day = ANY($1::date[]) GROUP BY day

-- name: vanish_days
-- What was dated in these days, and is there no more (or on another day, which the merge writes).
DELETE FROM holding WHERE book = ANY($1::text[]) AND day BETWEEN $2 AND $3 AND NOT EXISTS (
    SELECT FROM staged WHERE staged.book = holding.book AND staged.key = holding.key AND staged.number = holding.number)

-- name: vanish_keys
DELETE FROM holding WHERE book = ANY($1::text[]) AND appointment = ANY($2::text[]) AND NOT EXISTS (
    SELECT FROM staged WHERE staged.book = holding.book AND staged.key = holding.key AND staged.number = holding.number)

-- name: vanish_all
DELETE FROM holding WHERE book = ANY($1::text[]) AND NOT EXISTS (
    SELECT FROM staged WHERE staged.book = holding.book AND staged.key = holding.key AND staged.number = holding.number)

-- name: merge
INSERT INTO holding
SELECT * FROM staged
ON CONFLICT (book, key, number) DO UPDATE
SET state = excluded.state, stands = excluded.stands, counts = excluded.counts, day = excluded.day,
    facility = excluded.facility, party = excluded.party, appointment = excluded.appointment,
    amount = excluded.amount, open = excluded.open, currency = excluded.currency, quantity = excluded.quantity,
    changed_at = excluded.changed_at, seen_at = excluded.seen_at, detail = excluded.detail
WHERE (holding.state, holding.stands, holding.counts, holding.day, holding.facility, holding.party,
        holding.appointment, holding.amount, holding.open, holding.currency, holding.quantity, holding.detail)
    IS DISTINCT FROM (excluded.state, excluded.stands, excluded.counts, excluded.day, excluded.facility,
        excluded.party, excluded.appointment, excluded.amount, excluded.open, excluded.currency, excluded.quantity,
        excluded.detail)

-- name: forget_totals
DELETE FROM tally WHERE day BETWEEN $1 AND $2

-- name: total_days
-- The hash is of a set: the same whatever the order.
INSERT INTO tally (book, day, facility, currency, count, amount, hash, read_at)
SELECT book, day, coalesce(facility, ''), coalesce(currency, ''), sum(counts), coalesce(sum(amount), 0),
    bit_xor(hashtextextended(concat_ws('|', key, amount::text), 0)), $3
FROM holding WHERE day BETWEEN $1 AND $2 AND stands GROUP BY 1, 2, 3, 4

-- name: days_of
SELECT DISTINCT day FROM holding WHERE appointment = ANY($1::text[]) AND day IS NOT NULL ORDER BY day

-- name: daily_totals
SELECT book, day, facility, currency, count, amount, hash, read_at FROM tally
WHERE day BETWEEN $1 AND $2 ORDER BY day, book, facility

-- name: scope
CREATE TEMP TABLE scope (key text PRIMARY KEY) ON COMMIT DROP

-- name: scoped_days
-- What is dated in these days, read as it lies; a document of the same key on another day isn't looked for.
INSERT INTO scoped SELECT * FROM holding WHERE day BETWEEN $1 AND $2

-- name: scope_of_scoped
INSERT INTO scope SELECT DISTINCT key FROM scoped

-- name: scope_undated
INSERT INTO scope SELECT DISTINCT key FROM holding WHERE day IS NULL

-- name: scope_keys
INSERT INTO scope SELECT DISTINCT key FROM holding WHERE appointment = ANY($1::text[]) OR key = ANY($1::text[])

-- name: scope_analyze
ANALYZE scope

-- name: scoped
CREATE TEMP TABLE scoped (LIKE holding) ON COMMIT DROP

-- name: scoped_keys
-- All documents of the keys in scope, found once for all questions.
INSERT INTO scoped SELECT holding.* FROM scope JOIN holding USING (key)

-- name: scoped_index
CREATE INDEX ON scoped (book, key)

-- name: scoped_analyze
ANALYZE scoped (book, key)

-- name: pairs
-- Keys whose two sides differ: how often each stands, and what must agree ($5 once, $6 amount, $7 open, $8 quantity,
-- $12 facility, where both say one, $13 day). What came late for a month that was closed is dated on the first day of the
-- next open one (`periods.Calendar`). What a system says no time of is as old as its day, which ends last in the zone $11.
WITH l AS (
    SELECT key, sum(counts) AS count, sum(amount) AS amount, sum(open) AS open, sum(quantity) AS quantity,
        min(day) AS day, max(facility) AS facility, max(party) AS party, max(appointment) AS appointment,
        max(currency) AS currency, max(least(changed_at, seen_at, (day + 1)::timestamp AT TIME ZONE $11)) AS at
    FROM scoped
    WHERE book = $1 AND stands AND (cardinality($2::text[]) = 0 OR state = ANY($2)) AND (NOT $9 OR party <> '')
    GROUP BY key
), r AS (
    SELECT key, sum(counts) AS count, sum(amount) AS amount, sum(open) AS open, sum(quantity) AS quantity,
        min(day) AS day,
        nullif(concat_ws(', ', min(facility), nullif(max(facility), min(facility))), '') AS facility,
        max(party) AS party, max(appointment) AS appointment,
        max(currency) AS currency, max(least(changed_at, seen_at, (day + 1)::timestamp AT TIME ZONE $11)) AS at
    FROM scoped
    WHERE book = $3 AND stands AND (cardinality($4::text[]) = 0 OR state = ANY($4))
    GROUP BY key
)
SELECT key, coalesce(l.count, 0) AS left_count, coalesce(r.count, 0) AS right_count,
    l.amount AS left_amount, r.amount AS right_amount, l.open AS left_open, r.open AS right_open,
    l.quantity AS left_quantity, r.quantity AS right_quantity,
    coalesce(l.day, r.day) AS day, coalesce(l.facility, r.facility) AS facility,
    coalesce(nullif(l.party, ''), r.party, '') AS party, coalesce(l.appointment, r.appointment) AS appointment,
    coalesce(l.currency, r.currency) AS currency, greatest(l.at, r.at) AS at,
    l.facility AS left_facility, r.facility AS right_facility
FROM l FULL JOIN r USING (key)
WHERE ($5 AND (coalesce(l.count, 0) <> coalesce(r.count, 0) OR l.count > 1))
    OR (l.count = 1 AND r.count = 1 AND (
        ($6 AND l.amount IS DISTINCT FROM r.amount) OR ($7 AND l.open IS DISTINCT FROM r.open)
        OR ($8 AND l.quantity IS DISTINCT FROM r.quantity) OR ($12 AND l.facility <> r.facility)
        OR ($13 AND l.day IS DISTINCT FROM r.day AND NOT (r.day > l.day AND extract(day FROM r.day) = 1
            AND EXISTS (SELECT FROM period WHERE month = to_char(l.day, 'YYYY-MM'))))))
ORDER BY key LIMIT $10

-- name: standing
-- What is in a book for too long: since before $3, and where the system says no time, dated before $4.
SELECT key, sum(counts) AS left_count, 0 AS right_count, sum(amount) AS left_amount, NULL::numeric AS right_amount,
    sum(open) AS left_open, NULL::numeric AS right_open, sum(quantity) AS left_quantity,
    NULL::numeric AS right_quantity, min(day) AS day, max(facility) AS facility, max(party) AS party,
    max(appointment) AS appointment, max(currency) AS currency, max(least(changed_at, seen_at, (day + 1)::timestamp AT TIME ZONE $6)) AS at
FROM scoped
WHERE book = $1 AND stands AND (cardinality($2::text[]) = 0 OR state = ANY($2)) AND coalesce(changed_at < $3, day < $4, true)
GROUP BY key ORDER BY key LIMIT $5

-- name: totals
-- Sums by party, day and currency that differ. What came late for a closed month is booked in a later one: it counts to
-- its day.
WITH l AS (
    SELECT party, day, currency, sum(counts) AS count, sum(amount) AS amount, max(least(changed_at, seen_at, (day + 1)::timestamp AT TIME ZONE $6)) AS at
    FROM holding WHERE book = $1 AND stands AND party <> '' AND day BETWEEN $3 AND $4 GROUP BY 1, 2, 3
), r AS (
    SELECT booked.party, coalesce(paid.day, booked.day) AS day, booked.currency, sum(booked.counts) AS count,
        sum(booked.amount) AS amount, max(least(booked.changed_at, booked.seen_at)) AS at
    FROM holding booked LEFT JOIN holding paid ON paid.book = $1 AND paid.key = booked.key AND paid.stands
    WHERE booked.book = $2 AND booked.stands AND booked.party <> '' AND booked.day BETWEEN $3 AND $4 + 62
        AND coalesce(paid.day, booked.day) BETWEEN $3 AND $4
    GROUP BY 1, 2, 3
)
SELECT party || ' ' || day AS key, coalesce(l.count, 0) AS left_count, coalesce(r.count, 0) AS right_count,
    coalesce(l.amount, 0) AS left_amount, coalesce(r.amount, 0) AS right_amount, NULL::numeric AS left_open,
    NULL::numeric AS right_open, NULL::numeric AS left_quantity, NULL::numeric AS right_quantity, day,
    NULL::text AS facility, party, '' AS appointment, currency, greatest(l.at, r.at) AS at
FROM l FULL JOIN r USING (party, day, currency)
WHERE l.amount IS DISTINCT FROM r.amount
ORDER BY key LIMIT $5

-- name: documents
SELECT book, key, number, state, stands, counts, day, facility, party, appointment, amount, open, currency, quantity,
    changed_at, seen_at, detail
FROM holding WHERE key = ANY($1::text[]) OR (appointment <> '' AND appointment = ANY($1::text[]))
ORDER BY book, key, number

-- name: payments_of
SELECT DISTINCT key FROM holding
WHERE appointment = ANY($1::text[]) AND book IN ('billing.payment', 'ledger.payment', 'suture.payment')

-- name: touched_days
-- The days of whatever something was told about since an event.
SELECT DISTINCT holding.day FROM event JOIN holding ON holding.appointment = event.correlation_id
WHERE event.seq > $1 AND holding.day IS NOT NULL

-- name: first_day
SELECT min(day) FROM holding WHERE book LIKE 'suture.%'

-- name: explained
-- Which of these subjects a person has in hand, or decided about; or are on their way since $2.
SELECT subject FROM exception
WHERE subject = ANY($1::text[]) AND process IS NOT NULL AND split_part(process, ':', 1) = ANY($3::text[])
    AND state IN ('open', 'discarded')
UNION
SELECT subject FROM process
WHERE subject = ANY($1::text[]) AND state IN ('running', 'waiting', 'parked', 'compensating') AND started_at > $2

-- name: prices
-- What services were charged last, by facility, in a currency.
SELECT service, facility, currency, price, seq FROM price WHERE service = ANY($1::text[]) AND currency = $2

-- name: keep_prices
INSERT INTO price (service, facility, currency, price, seq)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::numeric[], $5::bigint[])
ON CONFLICT (service, facility, currency) DO UPDATE SET price = excluded.price, seq = excluded.seq
WHERE price.seq < excluded.seq

-- name: unbilled
-- Visits completed in a span of days that no invoice dated by its end stands for: what they are to bring, where it is
-- known already. What a person decided not to bill is not awaited.
SELECT visit.key AS appointment, visit.day, visit.facility, charge.amount, charge.currency
FROM holding visit
LEFT JOIN holding charge ON charge.book = 'suture.charge' AND charge.key = visit.key AND charge.stands
WHERE visit.book = 'suture.appointment' AND visit.stands AND visit.state = 'fulfilled' AND visit.day BETWEEN $1 AND $2
    AND NOT EXISTS (SELECT FROM holding invoice WHERE invoice.book = 'ledger.invoice' AND invoice.key = visit.key
        AND invoice.stands AND invoice.day <= $2)
    AND NOT EXISTS (SELECT FROM exception WHERE subject = 'Appointment/' || visit.key AND state = 'discarded'
        AND process LIKE 'completed_appointment:%')
ORDER BY visit.key

-- name: on_their_way
SELECT count(*) FROM process WHERE state IN ('running', 'parked', 'compensating')
    AND EXISTS (SELECT FROM holding WHERE holding.appointment = process.correlation_id AND holding.day BETWEEN $1 AND $2)

-- name: apart
-- What a side holds in a span of days ($3 to $4) at a facility and in a currency, and the other not or otherwise; with
-- where the other side holds it instead. An empty facility is what says none.
WITH l AS (
    SELECT key, max(appointment) AS appointment, sum(counts) AS count, coalesce(sum(amount), 0) AS amount
    FROM holding WHERE book = $1 AND stands AND day BETWEEN $3 AND $4
        AND coalesce(facility, '') = $5 AND coalesce(currency, '') = $6
    GROUP BY key
), r AS (
    SELECT key, max(appointment) AS appointment, sum(counts) AS count, coalesce(sum(amount), 0) AS amount
    FROM holding WHERE book = $2 AND stands AND day BETWEEN $3 AND $4
        AND coalesce(facility, '') = $5 AND coalesce(currency, '') = $6
    GROUP BY key
), apart AS (
    SELECT key, coalesce(nullif(l.appointment, ''), nullif(r.appointment, ''), key) AS appointment,
        l.count AS left_count, l.amount AS left_amount, r.count AS right_count, r.amount AS right_amount
    FROM l FULL JOIN r USING (key)
    WHERE (l.count, l.amount) IS DISTINCT FROM (r.count, r.amount)
    ORDER BY key LIMIT $7
)
SELECT apart.*, elsewhere.day AS other_day, elsewhere.facility AS other_facility, elsewhere.stands AS other_stands,
    elsewhere.currency AS other_currency
FROM apart LEFT JOIN LATERAL (
    SELECT day, facility, stands, currency FROM holding
    WHERE holding.key = apart.key AND book = CASE WHEN left_count IS NULL THEN $1 ELSE $2 END
    ORDER BY stands DESC, day LIMIT 1
) AS elsewhere ON left_count IS NULL OR right_count IS NULL
ORDER BY key

-- name: at_work
-- How the processes of these appointments stand that aren't at their end.
SELECT DISTINCT ON (correlation_id) correlation_id AS appointment, state FROM process
WHERE correlation_id = ANY($1::text[]) AND state IN ('running', 'waiting', 'parked', 'compensating')
ORDER BY correlation_id, started_at DESC
