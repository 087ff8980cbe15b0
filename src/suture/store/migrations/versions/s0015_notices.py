"""Notices: what people are told of, and the messages that tell them."""

from alembic import op

revision = "0015"
down_revision = "0014"

_STATEMENTS = """
-- One message to one recipient: a person (mail) or a receiver that the catalogue names (webhook). While it waits,
-- `due_at` is when it is tried next, or until when a worker holds it.
CREATE TABLE notice_message (
    id uuid PRIMARY KEY,
    channel text NOT NULL CHECK (channel IN ('mail', 'webhook')),
    recipient text NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'given_up')),
    attempt integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    answer text NOT NULL DEFAULT ''
);
CREATE INDEX notice_message_due ON notice_message (due_at) WHERE state = 'waiting';
CREATE INDEX notice_message_recipient ON notice_message (channel, recipient, created_at);
-- That a recipient is told of a matter, once: `id` follows from both. It belongs to a message once it is due; what is
-- over before that is `moot`.
CREATE TABLE notice (
    id uuid PRIMARY KEY,
    matter text NOT NULL,
    kind text NOT NULL,
    channel text NOT NULL,
    recipient text NOT NULL,
    told jsonb NOT NULL,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    moot boolean NOT NULL DEFAULT false,
    message uuid REFERENCES notice_message
);
CREATE INDEX notice_matter ON notice (matter);
CREATE INDEX notice_due ON notice (due_at) WHERE message IS NULL AND NOT moot;
CREATE INDEX notice_of_message ON notice (message);
-- When what was looked at last, by whichever worker.
CREATE TABLE notice_look (what text PRIMARY KEY, looked_at timestamptz NOT NULL)
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
