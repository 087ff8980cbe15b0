"""The spine: inbox, events, processes, exceptions, sealed parties, and the journeys people look at."""

from alembic import op

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE data_key (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation text NOT NULL,
    period text NOT NULL,
    wrapped bytea NOT NULL,
    UNIQUE (organisation, period)
);

-- What senders delivered, sealed; committed before they hear 202.
CREATE TABLE delivery (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    interface text NOT NULL,
    delivery_id text NOT NULL,
    receipt uuid NOT NULL UNIQUE,
    fingerprint bytea NOT NULL,
    key_id integer NOT NULL,
    box bytea NOT NULL,
    received_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'ingested', 'excepted')),
    ingested_at timestamptz,
    UNIQUE (interface, delivery_id)
) WITH (fillfactor = 85);
-- Sealed content doesn't compress: don't try.
ALTER TABLE delivery ALTER COLUMN box SET STORAGE EXTERNAL;
CREATE INDEX delivery_received ON delivery (id) WHERE state = 'received';

-- A delivery id that came again with another body: refused with 409, kept to be looked at.
CREATE TABLE delivery_conflict (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    interface text NOT NULL,
    delivery_id text NOT NULL,
    fingerprint bytea NOT NULL,
    key_id integer NOT NULL,
    box bytea NOT NULL,
    received_at timestamptz NOT NULL,
    UNIQUE (interface, delivery_id, fingerprint)
);

-- Deliveries that were turned away at the door: the fact and its count, nothing of their content.
CREATE TABLE refusal (
    interface text NOT NULL,
    day date NOT NULL,
    reason text NOT NULL,
    count bigint NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (interface, day, reason)
);

-- Patients, practitioners and payers; the record is sealed, its reference is not personal.
CREATE TABLE party (
    reference text PRIMARY KEY,
    fingerprint bytea NOT NULL,
    key_id integer NOT NULL,
    box bytea NOT NULL,
    updated_at timestamptz NOT NULL
);

-- The latest state of each appointment that took effect; its row is where the order of its events is decided.
CREATE TABLE appointment (
    reference text PRIMARY KEY,
    status text NOT NULL DEFAULT '',
    sequence bigint NOT NULL DEFAULT -1
) WITH (fillfactor = 70);

CREATE TABLE event (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    type text NOT NULL,
    source text NOT NULL,
    subject text NOT NULL,
    organisation text NOT NULL,
    facility text,
    sequence bigint,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    correlation_id text NOT NULL,
    causation_id uuid,
    data text NOT NULL,
    stale boolean NOT NULL DEFAULT false
);
CREATE INDEX event_correlation ON event (correlation_id);

-- What the backbone has not confirmed yet. Events themselves are only ever appended.
CREATE TABLE outbox (
    seq bigint PRIMARY KEY
);

-- `due_at` is both the timer and the lease: a claimed process is due again when its worker's lease ends.
CREATE TABLE process (
    key text PRIMARY KEY,
    definition text NOT NULL,
    version integer NOT NULL,
    subject text NOT NULL,
    correlation_id text NOT NULL,
    causation_id uuid,
    facility text,
    state text NOT NULL CHECK (state IN (
        'running', 'waiting', 'done', 'stuck', 'compensating', 'compensated')),
    input text NOT NULL,
    journal jsonb NOT NULL DEFAULT '{}',
    step text NOT NULL DEFAULT '',
    attempt integer NOT NULL DEFAULT 0,
    awaits text,
    cancel_requested boolean NOT NULL DEFAULT false,
    due_at timestamptz NOT NULL,
    fence bigint NOT NULL DEFAULT 0,
    worker text,
    released boolean NOT NULL DEFAULT true,
    started_at timestamptz NOT NULL,
    finished_at timestamptz
) WITH (fillfactor = 60);
CREATE INDEX process_due ON process (due_at) WHERE state IN ('running', 'waiting', 'compensating');
CREATE INDEX process_awaits ON process (awaits) WHERE awaits IS NOT NULL;
CREATE INDEX process_correlation ON process (correlation_id);

CREATE TABLE exception (
    id uuid PRIMARY KEY,
    code text NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    remedy text NOT NULL,
    owner text NOT NULL,
    interface text,
    delivery bigint,
    process text,
    step text,
    subject text,
    opened_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    count integer NOT NULL DEFAULT 1,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved')),
    resolved_at timestamptz
);
CREATE INDEX exception_open ON exception (opened_at) WHERE state = 'open';
CREATE INDEX exception_process ON exception (process) WHERE state = 'open';
CREATE INDEX exception_subject ON exception (subject);

-- A projection of the backbone's events, one row an appointment: what people look at. It can be rebuilt.
CREATE TABLE journey (
    appointment text PRIMARY KEY,
    facility text,
    status text NOT NULL DEFAULT '',
    sequence bigint NOT NULL DEFAULT 0,
    start_at timestamptz,
    milestones jsonb NOT NULL DEFAULT '{}',
    payments jsonb NOT NULL DEFAULT '{}',
    currency text,
    charge_total numeric,
    invoice_number text,
    invoice_total numeric,
    residual numeric,
    payment_state text,
    updated_at timestamptz NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX journey_recent ON journey (updated_at DESC);
"""


def upgrade() -> None:
    for statement in _TABLES.split(";\n"):
        op.execute(statement)
