"""Recovery: gates of interfaces, parked work, audited corrections, replay, and exceptions that people work on."""

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = """
-- What stands between Suture and an outside system, or a sender: a circuit breaker and a person's pause.
CREATE TABLE gate (
    interface text PRIMARY KEY,
    breaker text NOT NULL DEFAULT 'closed' CHECK (breaker IN ('closed', 'open', 'half_open')),
    cause text NOT NULL DEFAULT '',
    openings integer NOT NULL DEFAULT 0,
    opened_at timestamptz,
    probe_at timestamptz,
    paused_at timestamptz,
    paused_by text,
    pause_reason text,
    drained_at timestamptz
);

-- Workers that are alive: they share the limits of each system.
CREATE TABLE worker (
    name text PRIMARY KEY,
    seen_at timestamptz NOT NULL
);

-- What people did, each line bound to the one before by its hash.
CREATE TABLE audit (
    id bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL
);
CREATE INDEX audit_subject ON audit (subject, id);

-- Rows that people added to code tables after the catalogue was written; the newest of a key counts.
CREATE TABLE code_correction (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code_table text NOT NULL,
    source text NOT NULL,
    code text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL
);

-- What a delivery should have said; the original stays as it came. The newest counts.
CREATE TABLE payload_correction (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery bigint NOT NULL REFERENCES delivery (id),
    key_id integer NOT NULL,
    box bytea NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX payload_correction_delivery ON payload_correction (delivery, id DESC);

-- `subject` is known once a delivery was understood; a delivery that is replayed waits for earlier ones of its subject.
ALTER TABLE delivery ADD COLUMN subject text, ADD COLUMN not_before timestamptz, ADD COLUMN replays integer;
DROP INDEX delivery_received;
CREATE INDEX delivery_received ON delivery (interface, id) WHERE state = 'received';
CREATE INDEX delivery_in_order ON delivery (subject, id) WHERE state = 'received' AND subject IS NOT NULL;

ALTER TABLE process DROP CONSTRAINT process_state_check;
ALTER TABLE process ADD CONSTRAINT process_state_check CHECK (state IN (
    'running', 'waiting', 'parked', 'done', 'stuck', 'compensating', 'compensated', 'cancelled'));
ALTER TABLE process ADD COLUMN failing_since timestamptz, ADD COLUMN held_by text,
    ADD COLUMN undoing boolean NOT NULL DEFAULT false, ADD COLUMN in_doubt boolean NOT NULL DEFAULT false;
DROP INDEX process_due;
CREATE INDEX process_due ON process (due_at) WHERE state IN ('running', 'waiting', 'compensating', 'stuck');
CREATE INDEX process_parked ON process (held_by, started_at) WHERE state = 'parked';
UPDATE process SET due_at = '9999-12-31' WHERE state = 'stuck';
UPDATE process SET undoing = true WHERE state = 'compensating';

ALTER TABLE exception DROP CONSTRAINT exception_state_check;
ALTER TABLE exception ADD CONSTRAINT exception_state_check CHECK (state IN ('open', 'resolved', 'discarded'));
ALTER TABLE exception ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY UNIQUE, ADD COLUMN due_at timestamptz,
    ADD COLUMN assignee text, ADD COLUMN resolved_by text;
UPDATE exception SET due_at = opened_at + interval '1 day';
ALTER TABLE exception ALTER COLUMN due_at SET NOT NULL;

-- When the record was true at its source: an older delivery doesn't bring an old record back.
ALTER TABLE party ADD COLUMN told_at timestamptz;
UPDATE party SET told_at = updated_at;
ALTER TABLE party ALTER COLUMN told_at SET NOT NULL;
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
