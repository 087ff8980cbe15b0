-- name: look
-- One worker's turn to look, for all.
INSERT INTO notice_look (what, looked_at) VALUES ($1, $2)
ON CONFLICT (what) DO UPDATE SET looked_at = excluded.looked_at
    WHERE notice_look.looked_at <= excluded.looked_at - $3::interval
RETURNING what

-- name: due_exceptions
-- Open exceptions whose deadline comes from a time on (none: from the first) and before another, with where their visit
-- was.
SELECT number, code, exception.interface, assignee, due_at AS at, journey.facility
FROM exception LEFT JOIN journey
    ON exception.subject LIKE 'Appointment/%' AND journey.appointment = substr(exception.subject, 13)
WHERE exception.state = 'open' AND ($1::timestamptz IS NULL OR due_at >= $1) AND due_at < $2
ORDER BY due_at, number LIMIT $3

-- name: assigned_exceptions
-- Open exceptions that somebody gave to another, by the newest word on it in the audit trail.
SELECT number, code, exception.interface, assignee, said.at, journey.facility, said.id AS act
FROM exception CROSS JOIN LATERAL (
    SELECT id, at, actor FROM audit
    WHERE subject = 'Exception/' || exception.number AND action = 'exception.assign' ORDER BY id DESC LIMIT 1
) AS said LEFT JOIN journey
    ON exception.subject LIKE 'Appointment/%' AND journey.appointment = substr(exception.subject, 13)
WHERE exception.state = 'open' AND assignee IS NOT NULL AND said.actor <> assignee ORDER BY said.id LIMIT $1

-- name: last_received
SELECT max(received_at) FROM delivery WHERE interface = $1 AND received_at >= $2

-- name: known
SELECT DISTINCT matter FROM notice WHERE matter = ANY($1::text[])

-- name: put
INSERT INTO notice (id, matter, kind, channel, recipient, told, due_at, created_at)
SELECT *, $8 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::timestamptz[])
ON CONFLICT DO NOTHING

-- name: moot
-- What waited and is over: of these kinds, all that stands no longer.
UPDATE notice SET moot = true
WHERE kind = ANY($1::text[]) AND message IS NULL AND NOT moot
    AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS standing (matter) WHERE standing.matter = notice.matter)

-- name: bundle
-- What is due by now becomes a message a recipient, unless one went there a moment ago. Its id is the least of its
-- notices', so that it is the same however often it is made.
WITH due AS (
    SELECT id, channel, recipient FROM notice
    WHERE message IS NULL AND NOT moot AND due_at <= $1 AND NOT EXISTS (
        SELECT FROM notice_message AS latest WHERE latest.channel = notice.channel
            AND latest.recipient = notice.recipient AND latest.created_at > $1::timestamptz - $2::interval)
    FOR UPDATE SKIP LOCKED
), made AS (
    INSERT INTO notice_message (id, channel, recipient, due_at, created_at)
    SELECT min(id::text)::uuid, channel, recipient, $1, $1 FROM due GROUP BY channel, recipient
    RETURNING id, channel, recipient
)
UPDATE notice SET message = made.id FROM due JOIN made USING (channel, recipient) WHERE notice.id = due.id

-- name: claim
UPDATE notice_message SET due_at = $2, attempt = attempt + 1 WHERE id IN (
    SELECT id FROM notice_message WHERE state = 'waiting' AND due_at <= $1
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id, channel, recipient, attempt, created_at

-- name: of_message
SELECT kind, told::text FROM notice WHERE message = $1 ORDER BY due_at, matter

-- name: settle
-- Only by whom it was claimed last.
UPDATE notice_message SET state = $3, due_at = $4, answer = $5, settled_at = CASE WHEN $3 = 'waiting' THEN NULL ELSE $6::timestamptz END
WHERE id = $1 AND attempt = $2 AND state = 'waiting' RETURNING id

-- name: list
-- The newest first: messages, and what waits for its hour.
SELECT * FROM (
    SELECT channel, recipient, state, attempt, created_at, due_at, settled_at, answer, kinds FROM notice_message
    CROSS JOIN LATERAL (SELECT array_agg(kind ORDER BY kind) AS kinds FROM notice WHERE message = notice_message.id) AS of
    UNION ALL
    SELECT channel, recipient, CASE WHEN moot THEN 'moot' ELSE 'kept' END, 0, min(created_at), due_at, NULL, '',
        array_agg(kind ORDER BY kind)
    FROM notice WHERE message IS NULL GROUP BY channel, recipient, moot, due_at
) AS told
WHERE ($1 = '' OR state = $1) AND ($2 = '' OR recipient = $2) ORDER BY created_at DESC, due_at DESC LIMIT $3

-- name: forget
-- Of these kinds, what was told long ago and stands no longer: what stands is not told again.
DELETE FROM notice WHERE kind = ANY($1::text[]) AND created_at < $3 AND NOT EXISTS (
        SELECT FROM unnest($2::text[]) AS standing (matter) WHERE standing.matter = notice.matter)
    AND NOT EXISTS (SELECT FROM notice_message WHERE notice_message.id = notice.message AND state = 'waiting')

-- name: forget_messages
DELETE FROM notice_message WHERE state <> 'waiting' AND created_at < $1
    AND NOT EXISTS (SELECT FROM notice WHERE message = notice_message.id)
