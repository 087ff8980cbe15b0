-- name: read
SELECT interface, breaker, cause, openings, opened_at, probe_at, paused_at, paused_by, pause_reason,
    (SELECT count(*) FROM process WHERE state = 'parked' AND held_by = gate.interface) AS suspended
FROM gate ORDER BY interface

-- name: ensure
INSERT INTO gate (interface) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING

-- name: beat
INSERT INTO worker (name, seen_at) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at

-- name: leave
DELETE FROM worker WHERE name = $1 OR seen_at < $2

-- name: alive
SELECT count(*) FROM worker WHERE seen_at >= $1

-- name: open
-- Opened already by another worker: nothing changes. A probe that failed waits longer each time.
UPDATE gate SET breaker = 'open', cause = $2, openings = openings + 1,
    opened_at = CASE WHEN breaker = 'closed' THEN $3::timestamptz ELSE opened_at END,
    probe_at = $3::timestamptz + make_interval(secs => least($4::float8 * power(2, least(openings, 20)), $5::float8))
WHERE interface = $1 AND breaker IN ('closed', 'half_open')
RETURNING interface, pg_notify('suture_gates', interface)

-- name: probe
-- One worker wins the right to try; if nothing comes of it, another may, a pause later.
UPDATE gate SET breaker = 'half_open', probe_at = $2::timestamptz + make_interval(secs => $3::float8)
WHERE interface = $1 AND breaker IN ('open', 'half_open') AND probe_at <= $2::timestamptz AND paused_at IS NULL
RETURNING interface, pg_notify('suture_gates', interface)

-- name: close
UPDATE gate SET breaker = 'closed', cause = '', openings = 0, opened_at = NULL, probe_at = NULL
WHERE interface = $1 AND breaker <> 'closed'
RETURNING interface, pg_notify('suture_gates', interface)

-- name: pause
UPDATE gate SET paused_at = $2, paused_by = $3, pause_reason = $4
WHERE interface = $1 AND paused_at IS NULL
RETURNING interface, pg_notify('suture_gates', interface)

-- name: resume
-- A person who resumes says that the cause is gone: an open breaker tries at once.
UPDATE gate SET paused_at = NULL, paused_by = NULL, pause_reason = NULL,
    probe_at = CASE WHEN breaker = 'closed' THEN NULL ELSE $2::timestamptz END
WHERE interface = $1 AND (paused_at IS NOT NULL OR breaker <> 'closed')
RETURNING interface, pg_notify('suture_gates', interface)

-- name: drain
-- Suspended work goes on in the order it began, one worker's turn at a time, so that the rate holds for all together.
WITH turn AS (
    UPDATE gate SET drained_at = $2::timestamptz
    WHERE interface = $1 AND paused_at IS NULL AND breaker = $4
        AND (drained_at IS NULL OR drained_at <= $2::timestamptz - make_interval(secs => $5::float8))
    RETURNING interface
)
SELECT key FROM process
WHERE state = 'parked' AND held_by = $1 AND EXISTS (SELECT FROM turn)
ORDER BY started_at LIMIT $3 FOR UPDATE SKIP LOCKED

-- name: shown
SELECT EXISTS (SELECT FROM exception WHERE process = $1 AND state = 'open')

-- name: received
SELECT interface, count(*) AS count FROM delivery WHERE state = 'received' GROUP BY interface
