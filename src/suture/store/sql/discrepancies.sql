-- name: open
-- Found again, one that is open stays the one it is, with what is seen now; one that was accepted as it is stays so.
INSERT INTO discrepancy (rule, what, key, appointment, facility, party, day, owner, money, currency, repair, evidence,
    print, opened_at, seen_at, due_at)
SELECT rule, what, key, appointment, facility, party, day, owner, money, currency, repair, evidence::jsonb, print, $14,
    $14, $15
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::date[], $8::text[],
    $9::numeric[], $10::text[], $11::text[], $12::text[], $13::text[]) AS new (rule, what, key, appointment, facility,
    party, day, owner, money, currency, repair, evidence, print)
WHERE NOT EXISTS (SELECT FROM discrepancy accepted
    WHERE accepted.state = 'accepted' AND accepted.rule = new.rule AND accepted.key = new.key
        AND accepted.print = new.print)
ON CONFLICT (rule, key) WHERE state IN ('open', 'repairing') DO UPDATE
SET seen_at = excluded.seen_at, what = excluded.what, money = excluded.money, evidence = excluded.evidence,
    print = excluded.print, repair = excluded.repair
RETURNING number, rule, what, key, appointment, facility, opened_at = $14 AS new

-- name: in_scope
-- Open ones about what is in scope (`ledger_snapshot.sql`), or dated in these days.
SELECT * FROM discrepancy
WHERE state IN ('open', 'repairing') AND (key IN (SELECT key FROM scope) OR appointment IN (SELECT key FROM scope)
    OR day BETWEEN $1 AND $2)
ORDER BY number

-- name: open_about
SELECT key, appointment FROM discrepancy
WHERE state IN ('open', 'repairing') AND (key = ANY($1::text[]) OR appointment = ANY($1::text[]))

-- name: of_days
SELECT DISTINCT day FROM discrepancy WHERE state IN ('open', 'repairing') AND day IS NOT NULL

-- name: close
UPDATE discrepancy SET state = $2, closed_at = $3, closed_by = $4, reason = $5, proof = $6::jsonb
WHERE number = ANY($1::bigint[]) AND state IN ('open', 'repairing')
RETURNING number, rule, what, key, appointment, facility

-- name: repairing
UPDATE discrepancy SET state = 'repairing', closed_by = $2 WHERE number = $1 AND state IN ('open', 'repairing')
RETURNING number

-- name: select
SELECT * FROM discrepancy
WHERE (cardinality($1::bigint[]) = 0 OR number = ANY($1))
    AND ($2 = '' OR state = $2 OR ($2 = 'open' AND state = 'repairing')) AND ($3 = '' OR rule = $3)
    AND ($4 = '' OR owner = $4) AND ($5 = '' OR appointment = $5 OR key = $5)
    AND ($6::date IS NULL OR day >= $6) AND ($7::date IS NULL OR day <= $7)
ORDER BY number LIMIT $8

-- name: summary
SELECT rule, owner, currency, count(*) AS count, coalesce(sum(abs(money)), 0) AS money, min(opened_at) AS oldest
FROM discrepancy WHERE state IN ('open', 'repairing') AND ($1::date IS NULL OR day >= $1)
    AND ($2::date IS NULL OR day <= $2)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3

-- name: settled
-- What was closed of a span of days, and how.
SELECT rule, state, count(*) AS count, coalesce(sum(abs(money)), 0) AS money FROM discrepancy
WHERE state IN ('repaired', 'accepted') AND day BETWEEN $1 AND $2 GROUP BY 1, 2 ORDER BY 1, 2

-- name: page
SELECT * FROM discrepancy
WHERE ($1 = '' OR state = $1 OR ($1 = 'open' AND state = 'repairing')) AND ($2 = '' OR rule = $2)
    AND ($3 = '' OR owner = $3) AND ($4::bigint IS NULL OR number < $4)
ORDER BY number DESC LIMIT $5

-- name: of_keys
-- What is open or accepted about these keys or appointments.
SELECT * FROM discrepancy WHERE (key = ANY($1::text[]) OR appointment = ANY($2::text[])) AND state <> 'repaired'
ORDER BY number
