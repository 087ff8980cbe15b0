-- name: take
-- Counted before it is evaluated: of any number of tries at once only the free ones get through. A day without a try
-- forgets what was before. No row: it is locked.
INSERT INTO guess AS known (key, failures, tried_at) VALUES ($1, 1, $2)
ON CONFLICT (key) DO UPDATE SET
    failures = CASE WHEN known.tried_at < $2::timestamptz - interval '1 day' THEN 1 ELSE known.failures + 1 END,
    locked_until = CASE WHEN known.tried_at >= $2::timestamptz - interval '1 day' AND known.failures + 1 >= $3::int
        THEN $2::timestamptz + make_interval(
            secs => least(60 * power(2, least(known.failures + 1 - $3::int, 10)), $4::float8)) END,
    tried_at = $2
WHERE known.locked_until IS NULL OR known.locked_until <= $2
RETURNING failures, locked_until

-- name: forget
DELETE FROM guess WHERE key = ANY($1::bytea[])

-- name: forgive
UPDATE guess SET failures = greatest(failures - 1, 0), locked_until = NULL WHERE key = $1

-- name: expire
DELETE FROM guess WHERE tried_at < $1
