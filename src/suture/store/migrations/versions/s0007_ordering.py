"""When a source changed an appointment, and by which interface a thing was told: so that a contradiction is seen."""

from alembic import op

revision = "0007"
down_revision = "0006"

_STATEMENTS = """
-- When the source changed the appointment to the version that took effect, where it says (FHIR Meta.lastUpdated).
ALTER TABLE appointment ADD COLUMN changed_at timestamptz;

-- By which interface an appointment or payment was told first: nobody else may tell of it under the same id.
CREATE TABLE teller (
    subject text PRIMARY KEY,
    interface text NOT NULL
);
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
