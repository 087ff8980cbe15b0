-- name: mark
SELECT concat_ws('.',
    (SELECT max(seq) FROM event), (SELECT max(id) FROM audit), (SELECT max(updated_at) FROM journey),
    (SELECT count(*) || '.' || coalesce(max(last_at)::text, '') FROM exception WHERE state = 'open'),
    (SELECT string_agg(breaker || coalesce(paused_at::text, ''), '.' ORDER BY interface) FROM gate),
    (SELECT string_agg(concat_ws('.', id, state, position), '.') FROM (
        SELECT id, state, position FROM reconciliation ORDER BY id DESC LIMIT 1) AS last),
    (SELECT count(*) || '.' || coalesce(max(seen_at)::text, '') FROM discrepancy WHERE state IN ('open', 'repairing')),
    (SELECT count(*) FROM approval WHERE state = 'asked'))
