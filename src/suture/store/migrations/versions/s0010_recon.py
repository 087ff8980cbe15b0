"""Reconciliation: runs that ask at once, the prices charged last, and how old what is open on a journey is."""

from alembic import op

revision = "0010"
down_revision = "0009"

_STATEMENTS = """
-- Whether a run asks its rules without their waiting times.
ALTER TABLE reconciliation ADD COLUMN at_once boolean NOT NULL DEFAULT false;

-- What each service was charged last, by facility and currency; `seq` is the event that says so.
CREATE TABLE price (
    service text NOT NULL,
    facility text NOT NULL,
    currency text NOT NULL,
    price numeric NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (service, facility, currency)
);
INSERT INTO price
SELECT DISTINCT ON (1, 2, 3) line ->> 'service', coalesce(facility, ''),
    data::jsonb -> 'charge' -> 'total' ->> 'currency', (line ->> 'unit_price')::numeric, seq
FROM event, jsonb_array_elements(data::jsonb -> 'charge' -> 'lines') AS line
WHERE type = 'suture.charge.captured.v1' AND NOT stale
ORDER BY 1, 2, 3, seq DESC;

-- When what is open on an invoice was told: a payment that comes back opens it again.
ALTER TABLE journey ADD COLUMN residual_at timestamptz;
UPDATE journey SET residual_at = updated_at WHERE residual IS NOT NULL;
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
