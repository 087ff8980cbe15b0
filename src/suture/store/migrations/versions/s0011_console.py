"""Documents of the ledger are found by the ledger's own numbers; credit notes of before by theirs."""

from alembic import op

revision = "0011"
down_revision = "0010"

_STATEMENTS = """
CREATE INDEX holding_number ON holding (number COLLATE "C")
    WHERE book IN ('odoo.payment', 'odoo.invoice', 'odoo.by_hand');

INSERT INTO journey_number (number, kind, appointment)
SELECT DISTINCT data::jsonb ->> 'number', 'credit note', correlation_id FROM event
WHERE type = 'suture.invoice.cancelled.v1' AND data::jsonb ->> 'number' <> ''
ON CONFLICT DO NOTHING;
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
