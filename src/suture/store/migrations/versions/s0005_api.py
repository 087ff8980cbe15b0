"""The API: its clients and their keys, answers kept for a retry, people found by identifier, and subscribers."""

from alembic import op

revision = "0005"
down_revision = "0004"

_STATEMENTS = """
CREATE TABLE api_client (
    name text PRIMARY KEY,
    purpose text NOT NULL,
    scopes text[] NOT NULL,
    per_minute integer NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    revoked_at timestamptz
);

-- Only a digest of a key is kept; `prefix` is what people tell it by.
CREATE TABLE api_key (
    prefix text PRIMARY KEY,
    client text NOT NULL REFERENCES api_client (name),
    digest bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    used_at timestamptz
);

-- What a client was answered under an idempotency key, sealed; without an answer it is under way.
CREATE TABLE idempotency (
    client text NOT NULL,
    key uuid NOT NULL,
    print bytea NOT NULL,
    begun_at timestamptz NOT NULL,
    status integer,
    key_id integer,
    box bytea,
    PRIMARY KEY (client, key)
);
CREATE INDEX idempotency_age ON idempotency (begun_at);

-- A party is found by what a source calls it; only a keyed digest of that is kept.
CREATE TABLE party_identifier (
    print bytea NOT NULL,
    reference text NOT NULL,
    PRIMARY KEY (print, reference)
);

-- Who gets events by webhook. `due_at` is the timer and the lease: whoever sends holds it for a while.
CREATE TABLE subscription (
    id uuid PRIMARY KEY,
    client text NOT NULL,
    url text NOT NULL,
    types text[] NOT NULL,
    state text NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'disabled')),
    reason text NOT NULL DEFAULT '',
    key_id integer NOT NULL,
    box bytea NOT NULL,
    previous_until timestamptz,
    failing_since timestamptz,
    attempt integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX subscription_due ON subscription (due_at) WHERE state = 'enabled';

CREATE TABLE outbound_delivery (
    subscription uuid NOT NULL REFERENCES subscription (id) ON DELETE CASCADE,
    number bigint GENERATED ALWAYS AS IDENTITY,
    event uuid NOT NULL,
    type text NOT NULL,
    body text NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given_up')),
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    answered_at timestamptz,
    answer text NOT NULL DEFAULT '',
    PRIMARY KEY (subscription, event)
);
CREATE INDEX outbound_waiting ON outbound_delivery (subscription, number) WHERE state = 'waiting';
-- For the share of a window's deliveries that were understood in time.
CREATE INDEX delivery_received_at ON delivery USING brin (received_at);
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
