"""The ledger in depth: what we wrote there, and how far its own changes are read."""

from alembic import op

revision = "0003"
down_revision = "0002"

_STATEMENTS = """
-- Records that we wrote in an outside system: what was deleted or changed there by a person is told from this.
CREATE TABLE crosswalk (
    system text NOT NULL,
    name text NOT NULL,
    key text NOT NULL,
    model text NOT NULL,
    record bigint NOT NULL,
    prints jsonb NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (system, name)
);
CREATE INDEX crosswalk_record ON crosswalk (system, model, record);

-- How far the changes that others make in an outside system are read, by that system's own clock.
CREATE TABLE change_cursor (
    interface text PRIMARY KEY,
    cursor text NOT NULL,
    read_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
