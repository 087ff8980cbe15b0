"""Tries to sign in are counted before they are evaluated, by name and address."""

from alembic import op

revision = "0012"
down_revision = "0011"

_STATEMENTS = """
-- How often something was tried in vain. `key` is a keyed digest of what was tried and from where: what people type in
-- place of a name may be a password.
CREATE TABLE guess (
    key bytea PRIMARY KEY,
    failures integer NOT NULL,
    locked_until timestamptz,
    tried_at timestamptz NOT NULL
);
CREATE INDEX guess_tried ON guess (tried_at);
ALTER TABLE person DROP COLUMN failures, DROP COLUMN locked_until
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
