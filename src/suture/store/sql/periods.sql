-- name: one
SELECT month, state, round, frozen_at, frozen_by, signatures::text AS signatures, closed_at, report::text AS report
FROM period WHERE month = $1

-- name: all
SELECT month, state, round, frozen_at, frozen_by, signatures::text AS signatures, closed_at, report::text AS report
FROM period ORDER BY month DESC LIMIT $1

-- name: freeze
INSERT INTO period (month, state, round, frozen_at, frozen_by) VALUES ($1, 'frozen', 1, $2, $3)
ON CONFLICT (month) DO UPDATE SET state = 'frozen', round = period.round + 1, frozen_at = $2, frozen_by = $3,
    signatures = '[]', closed_at = NULL, report = NULL
WHERE period.state = 'open'
RETURNING round

-- name: sign
-- Two signatures at most, of two different people.
UPDATE period SET signatures = signatures || jsonb_build_array(jsonb_build_object('by', $2::text, 'at', $3::timestamptz))
WHERE month = $1 AND state = 'frozen' AND jsonb_array_length(signatures) < 2
    AND NOT signatures @> jsonb_build_array(jsonb_build_object('by', $2::text))
RETURNING jsonb_array_length(signatures)

-- name: close
UPDATE period SET state = 'closed', closed_at = $2, report = $3::jsonb WHERE month = $1 AND state IN ('frozen', 'closed')

-- name: reopen
UPDATE period SET state = 'open' WHERE month = $1 AND state IN ('frozen', 'closed') RETURNING round

-- name: shut
SELECT month FROM period WHERE state IN ('frozen', 'closed')
