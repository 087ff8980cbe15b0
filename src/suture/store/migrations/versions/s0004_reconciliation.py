"""Reconciliation: what each side holds, what differs, and the periods that are closed."""

from alembic import op

revision = "0004"
down_revision = "0003"

_STATEMENTS = """
-- Documents as each side holds them, last time it was read. `book` is a side's kind of document (billing.charge);
-- `counts` is 0 for what only adds to another's amount (a patient's own part, a correction).
CREATE TABLE holding (
    book text NOT NULL,
    key text NOT NULL,
    number text NOT NULL,
    state text NOT NULL,
    stands boolean NOT NULL,
    counts smallint NOT NULL,
    day date,
    facility text,
    party text NOT NULL,
    appointment text NOT NULL,
    amount numeric,
    open numeric,
    currency text,
    quantity numeric,
    changed_at timestamptz,
    seen_at timestamptz NOT NULL,
    detail text NOT NULL DEFAULT '',
    PRIMARY KEY (key, book, number)
) WITH (fillfactor = 90);
CREATE INDEX holding_day ON holding (day, book);
CREATE INDEX holding_appointment ON holding (appointment);

-- A day of one book: counted, summed and hashed over what stands.
CREATE TABLE tally (
    book text NOT NULL,
    day date NOT NULL,
    facility text NOT NULL,
    currency text NOT NULL,
    count bigint NOT NULL,
    amount numeric NOT NULL,
    hash bigint NOT NULL,
    read_at timestamptz NOT NULL,
    PRIMARY KEY (book, day, facility, currency)
);

CREATE TABLE reconciliation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'reading', 'comparing', 'done', 'failed')),
    first date NOT NULL,
    last date NOT NULL,
    days date[] NOT NULL DEFAULT '{}',
    position integer NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    by text NOT NULL,
    correlation_id text NOT NULL DEFAULT '',
    requested_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    documents bigint NOT NULL DEFAULT 0,
    found integer NOT NULL DEFAULT 0,
    cleared integer NOT NULL DEFAULT 0,
    explained integer NOT NULL DEFAULT 0,
    failure text NOT NULL DEFAULT ''
);
CREATE INDEX reconciliation_open ON reconciliation (id) WHERE state IN ('requested', 'reading', 'comparing');

CREATE TABLE discrepancy (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule text NOT NULL,
    what text NOT NULL,
    key text NOT NULL,
    appointment text NOT NULL,
    facility text,
    party text NOT NULL,
    day date,
    owner text NOT NULL,
    money numeric,
    currency text,
    repair text NOT NULL,
    evidence jsonb NOT NULL,
    print text NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'repairing', 'repaired', 'accepted')),
    opened_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    closed_at timestamptz,
    closed_by text,
    reason text,
    proof jsonb
);
CREATE UNIQUE INDEX discrepancy_open ON discrepancy (rule, key) WHERE state IN ('open', 'repairing');
CREATE INDEX discrepancy_known ON discrepancy (rule, key, print) WHERE state = 'accepted';
CREATE INDEX discrepancy_appointment ON discrepancy (appointment);
CREATE INDEX discrepancy_day ON discrepancy (day) WHERE state IN ('open', 'repairing');

-- How often a person had steps of it done again, because an outside system lost what they did.
ALTER TABLE process ADD COLUMN round integer NOT NULL DEFAULT 0;

-- Months that are being closed, or are closed. A month that was reopened is closed again in another round.
CREATE TABLE period (
    month text PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('open', 'frozen', 'closed')),
    round integer NOT NULL,
    frozen_at timestamptz,
    frozen_by text,
    signatures jsonb NOT NULL DEFAULT '[]',
    closed_at timestamptz,
    report jsonb
);
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
