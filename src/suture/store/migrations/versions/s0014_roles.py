"""Books are called by the role of the system that keeps them, no longer by its vendor."""

from alembic import op

revision = "0014"
down_revision = "0013"

_STATEMENTS = """
UPDATE holding SET book = 'ledger.' || substr(book, 6) WHERE book LIKE 'odoo.%';
UPDATE tally SET book = 'ledger.' || substr(book, 6) WHERE book LIKE 'odoo.%';
UPDATE discrepancy SET evidence = replace(evidence::text, '"odoo.', '"ledger.')::jsonb
    WHERE evidence::text LIKE '%"odoo.%';
UPDATE discrepancy SET proof = replace(proof::text, '"odoo.', '"ledger.')::jsonb WHERE proof::text LIKE '%"odoo.%';
DROP INDEX holding_number;
CREATE INDEX holding_number ON holding (number COLLATE "C")
    WHERE book IN ('ledger.payment', 'ledger.invoice', 'ledger.by_hand')
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
