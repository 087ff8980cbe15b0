-- name: beat
INSERT INTO running_role (name, role, catalogue, started_at, seen_at) VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at, catalogue = excluded.catalogue

-- name: leave
DELETE FROM running_role WHERE name = $1 OR seen_at < $2

-- name: others
SELECT name FROM running_role WHERE catalogue <> $1 AND seen_at >= $2 ORDER BY name
