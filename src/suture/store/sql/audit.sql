-- name: last
SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1

-- name: lock
SELECT pg_advisory_xact_lock(1398097237)

-- name: append
INSERT INTO audit (id, at, actor, action, subject, reason, detail, previous, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: page
SELECT id, at, actor, action, subject, reason, detail, previous, hash FROM audit WHERE id > $1 ORDER BY id LIMIT $2

-- name: newest
SELECT id, at, actor, action, subject, reason, detail, previous, hash FROM audit
WHERE $1 = '' OR subject = $1 ORDER BY id DESC LIMIT $2

-- name: of_acts
SELECT id, at, actor, action, subject, reason, detail, previous, hash FROM audit WHERE action = ANY($1) ORDER BY id

-- name: select
SELECT id, at, actor, action, subject, reason, detail, previous, hash FROM audit
WHERE ($1 = '' OR actor = $1) AND ($2 = '' OR starts_with(action, $2)) AND ($3 = '' OR starts_with(subject, $3))
    AND ($4::bigint IS NULL OR id < $4) AND ($5::timestamptz IS NULL OR at < $5)
ORDER BY id DESC LIMIT $6
