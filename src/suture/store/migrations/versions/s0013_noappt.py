"""What a remittance, a payment or a delivery waits for is no appointment: such rows go."""

from alembic import op

revision = "0013"
down_revision = "0012"

_STATEMENTS = """
UPDATE journey SET milestones = milestones - 'exception' WHERE status = '' AND milestones ? 'exception'
    AND NOT EXISTS (SELECT FROM exception WHERE subject = 'Appointment/' || appointment);
DELETE FROM journey WHERE status = '' AND milestones = '{}'
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
