"""People: who signs in, with which roles; what needs a second person; and the numbers by which journeys are found."""

from alembic import op

revision = "0006"
down_revision = "0005"

_STATEMENTS = """
-- Who uses the console. `password` is an argon2 hash; `totp` the second factor's secret, sealed by the master key, and
-- `totp_step` the last time step whose code was used; `provider` whom an identity provider knows (issuer and subject).
CREATE TABLE person (
    name text PRIMARY KEY,
    full_name text NOT NULL,
    email text NOT NULL,
    roles text[] NOT NULL,
    password text,
    totp bytea,
    totp_on boolean NOT NULL DEFAULT false,
    totp_step bigint NOT NULL DEFAULT 0,
    provider text UNIQUE,
    failures integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    disabled_at timestamptz
);

-- Of invitations and sessions only digests are kept.
CREATE TABLE invitation (
    digest bytea PRIMARY KEY,
    person text NOT NULL REFERENCES person (name),
    expires_at timestamptz NOT NULL
);
CREATE TABLE session (
    digest bytea PRIMARY KEY,
    person text NOT NULL REFERENCES person (name),
    way text NOT NULL CHECK (way IN ('password', 'provider')),
    notice text NOT NULL DEFAULT '',
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX session_person ON session (person);
CREATE INDEX session_expires ON session (expires_at);

-- What one person asks for and another must approve; `box` holds the act's arguments, sealed.
CREATE TABLE approval (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    command text NOT NULL,
    subject text NOT NULL,
    reason text NOT NULL,
    key_id integer NOT NULL,
    box bytea NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'approved', 'refused', 'failed')),
    decided_by text,
    decided_at timestamptz,
    outcome text NOT NULL DEFAULT ''
);
CREATE INDEX approval_asked ON approval (number) WHERE state = 'asked';

-- Every number by which a person may look for a journey; projected like the journey itself.
CREATE TABLE journey_number (
    number text NOT NULL,
    kind text NOT NULL,
    appointment text NOT NULL,
    PRIMARY KEY (number, kind, appointment)
);
INSERT INTO journey_number
SELECT DISTINCT number, kind, correlation_id FROM (
    SELECT correlation_id, kind, number FROM (
        SELECT correlation_id, type, data::jsonb AS data FROM event WHERE type IN (
            'suture.charge.captured.v1', 'suture.invoice.posted.v1', 'suture.payment.posted.v1',
            'suture.stock.consumed.v1', 'suture.compensation.accrued.v1', 'suture.appointment.booked.v1')
    ) AS told CROSS JOIN LATERAL (VALUES
        ('charge', CASE type WHEN 'suture.charge.captured.v1' THEN data -> 'charge' ->> 'number' END),
        ('invoice', CASE type WHEN 'suture.invoice.posted.v1' THEN data ->> 'number' END),
        ('payment', CASE type WHEN 'suture.payment.posted.v1' THEN data -> 'payment' ->> 'payment' END),
        ('stock move', CASE type WHEN 'suture.stock.consumed.v1' THEN data ->> 'number' END),
        ('accrual', CASE type WHEN 'suture.compensation.accrued.v1' THEN data ->> 'number' END),
        ('patient', CASE type WHEN 'suture.appointment.booked.v1' THEN data ->> 'patient' END)
    ) AS named (kind, number)
) AS numbered WHERE number IS NOT NULL;

-- Lists that people page through.
CREATE INDEX audit_actor ON audit (actor, id);
CREATE INDEX process_started ON process (started_at, key);
CREATE INDEX process_ended ON process (started_at, key) WHERE state IN ('cancelled', 'compensated');
CREATE INDEX exception_code ON exception (code, opened_at) WHERE state = 'open';
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
