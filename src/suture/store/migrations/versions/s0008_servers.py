"""The master key's mark, by which another key is known at once; and which roles run, by which catalogue."""

from alembic import op

revision = "0008"
down_revision = "0007"

_STATEMENTS = """
-- A keyed digest of a constant: it tells nothing of the master key, and whether a key is this database's.
CREATE TABLE key_check (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    value bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);

-- Roles that run, and a digest of the catalogue that each read at its start.
CREATE TABLE running_role (
    name text PRIMARY KEY,
    role text NOT NULL,
    catalogue text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
