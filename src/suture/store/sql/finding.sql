-- name: called
SELECT number, kind, appointment FROM journey_number WHERE number = $1 ORDER BY kind, appointment LIMIT 100

-- name: starting_with
SELECT number, kind, appointment FROM journey_number
WHERE number >= $1 AND number < $1 || chr(1114111) AND starts_with(number, $1) AND kind <> 'patient'
ORDER BY number LIMIT $2

-- name: of_identity
-- An event by its id, or what a delivery with this receipt told.
(SELECT correlation_id FROM event WHERE id = $1)
UNION ALL
(SELECT correlation_id FROM delivery JOIN event ON event.correlation_id = split_part(delivery.subject, '/', 2)
    WHERE receipt = $1 LIMIT 1)
UNION ALL
(SELECT 'delivery-' || id FROM delivery WHERE receipt = $1 AND state = 'excepted')
LIMIT 1

-- name: of_delivery
SELECT CASE WHEN state = 'excepted' OR subject IS NULL THEN 'delivery-' || id ELSE split_part(subject, '/', 2) END
FROM delivery WHERE interface = ANY($2::text[]) AND delivery_id = $1 LIMIT 1

-- name: put
INSERT INTO journey_number (number, kind, appointment)
SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING

-- name: heard_of
SELECT appointment FROM unnest($1::text[]) AS appointment
WHERE EXISTS (SELECT FROM event WHERE correlation_id = appointment)

-- name: in_ledger
-- What the ledger calls documents, as it was last read: bank entries, credit notes whoever made them, and what was
-- entered by hand. $2: also what only begins so.
SELECT number, appointment, key, CASE book
    WHEN 'ledger.payment' THEN 'bank entry'
    WHEN 'ledger.by_hand' THEN 'entered by hand in the ledger'
    ELSE CASE WHEN amount < 0 THEN 'credit note' ELSE 'invoice' END END AS kind
FROM holding
WHERE book IN ('ledger.payment', 'ledger.invoice', 'ledger.by_hand')
    AND (number COLLATE "C" = $1 OR $2 AND number COLLATE "C" >= $1 AND number COLLATE "C" < $1 || chr(1114111))
ORDER BY number COLLATE "C" LIMIT $3
