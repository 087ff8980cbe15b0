-- name: add
INSERT INTO person (name, full_name, email, roles, provider, created_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING name

-- name: one
SELECT * FROM person WHERE name = $1

-- name: of_provider
SELECT * FROM person WHERE provider = $1

-- name: list
SELECT * FROM person ORDER BY name

-- name: any
SELECT EXISTS (SELECT FROM person)

-- name: roles
UPDATE person SET roles = $2 WHERE name = $1 RETURNING name

-- name: email
UPDATE person SET email = $2 WHERE name = $1 RETURNING name

-- name: told
-- What an identity provider tells at each sign-in.
UPDATE person SET full_name = $2, email = $3, roles = $4 WHERE name = $1

-- name: link
UPDATE person SET provider = $2 WHERE name = $1 RETURNING name

-- name: disable
UPDATE person SET disabled_at = $2 WHERE name = $1 AND (disabled_at IS NULL) <> ($2::timestamptz IS NULL) RETURNING name

-- name: password
UPDATE person SET password = $2 WHERE name = $1

-- name: use_step
-- A code is good once.
UPDATE person SET totp_step = $2 WHERE name = $1 AND totp_step < $2 RETURNING name

-- name: factor
UPDATE person SET totp = $2, totp_on = $3 WHERE name = $1

-- name: invite
INSERT INTO invitation (digest, person, expires_at) VALUES ($1, $2, $3)

-- name: invited
SELECT person FROM invitation JOIN person ON person.name = invitation.person
WHERE digest = $1 AND expires_at > $2 AND disabled_at IS NULL

-- name: take_invitation
-- It is gone for whoever comes second.
DELETE FROM invitation USING person
WHERE digest = $1 AND expires_at > $2 AND person.name = invitation.person AND disabled_at IS NULL
RETURNING invitation.person

-- name: uninvite
DELETE FROM invitation WHERE person = $1

-- name: begin
INSERT INTO session (digest, person, way, started_at, seen_at, expires_at) VALUES ($1, $2, $3, $4, $4, $5)

-- name: session
SELECT session.person, session.way, session.notice, session.started_at, session.seen_at, session.expires_at,
    person.full_name, person.roles
FROM session JOIN person ON person.name = session.person
WHERE digest = $1 AND expires_at > $2 AND seen_at > $3 AND disabled_at IS NULL

-- name: seen
UPDATE session SET seen_at = $2 WHERE digest = $1

-- name: notice
UPDATE session SET notice = $2 WHERE digest = $1

-- name: end
DELETE FROM session WHERE digest = $1

-- name: end_all
DELETE FROM session WHERE person = $1 AND digest <> $2

-- name: expired
DELETE FROM session WHERE expires_at < $1

-- name: sessions
SELECT person, count(*) AS count, max(seen_at) AS seen_at FROM session WHERE expires_at > $1 GROUP BY person
