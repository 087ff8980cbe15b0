-- name: authenticate
-- Whose key this is, with what they may do; when it was used is noted once a minute.
WITH found AS (
    SELECT api_key.prefix, used_at, api_client.name, scopes, per_minute
    FROM api_key JOIN api_client ON api_client.name = api_key.client
    WHERE digest = $1 AND api_key.revoked_at IS NULL AND api_client.revoked_at IS NULL
        AND (expires_at IS NULL OR expires_at > $2)
), noted AS (
    UPDATE api_key SET used_at = $2 FROM found
    WHERE api_key.prefix = found.prefix AND (found.used_at IS NULL OR found.used_at < $2 - interval '1 minute')
)
SELECT name, scopes, per_minute FROM found

-- name: add
INSERT INTO api_client (name, purpose, scopes, per_minute, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING RETURNING name

-- name: add_key
INSERT INTO api_key (prefix, client, digest, created_at, expires_at)
SELECT $1, name, $3, $4, $5 FROM api_client WHERE name = $2 AND revoked_at IS NULL RETURNING prefix

-- name: rescope
UPDATE api_client SET scopes = $2, per_minute = $3 WHERE name = $1 AND revoked_at IS NULL RETURNING name

-- name: revoke
UPDATE api_client SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL RETURNING name

-- name: revoke_key
UPDATE api_key SET revoked_at = $3 WHERE client = $1 AND prefix = $2 AND revoked_at IS NULL RETURNING prefix

-- name: list
SELECT name, purpose, scopes, per_minute, created_at, created_by, revoked_at FROM api_client ORDER BY name

-- name: keys
SELECT prefix, client, created_at, expires_at, revoked_at, used_at FROM api_key
WHERE $1 = '' OR client = $1 ORDER BY client, created_at
