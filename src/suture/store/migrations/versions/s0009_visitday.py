"""The day of a visit and when it could be known; what a delivery that wasn't understood would have told."""

from alembic import op

revision = "0009"
down_revision = "0008"

_STATEMENTS = """
ALTER TABLE journey ADD COLUMN day date, ADD COLUMN known_at timestamptz;

-- The status in which an appointment would be, had its delivery been understood.
ALTER TABLE exception ADD COLUMN told text;
CREATE INDEX exception_told ON exception (told) WHERE state = 'open' AND told IS NOT NULL;
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
