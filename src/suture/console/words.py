"""Names from code in the words of people who don't read it."""

_QUEUES = {
    "received": "deliveries to be understood",
    "due": "processes whose turn it is",
    "parked": "processes that wait for a system",
    "waiting": "payments that wait for their invoice",
    "stuck": "processes that wait for a person",
    "unpublished": "events on their way to the backbone",
    "webhooks": "webhooks to be delivered",
}
_ACTS = {
    "exception.assign": "assigned",
    "exception.comment": "said",
    "exception.discard": "discarded",
    "delivery.replay": "had read again",
    "process.resume": "had go on",
    "process.cancel": "ended",
    "process.compensate": "had undone",
    "process.redo": "had done again",
    "payload.read": "read what was delivered",
    "visit.bill_patient": "had billed to the patient",
    "ledger.forget": "had written again in Odoo",
    "patient.read": "read a patient's record",
    "payload.correct": "corrected the payload",
    "process.correct": "corrected the input",
    "codes.correct": "corrected a code",
    "codes.roll_back": "rolled back a code table",
    "interface.pause": "paused",
    "interface.resume": "resumed",
    "reconciliation.run": "asked for a run",
    "discrepancy.repair": "had repaired",
    "discrepancy.accept": "accepted",
    "period.freeze": "began the close",
    "period.sign": "signed",
    "period.reopen": "reopened",
    "table.export": "took away",
    "session.begin": "signed in",
}


def act(name: str) -> str:
    """An act of the audit trail, as what somebody did."""
    return _ACTS.get(name, name.replace(".", ": ").replace("_", " "))


_COMMANDS = {
    "exceptions.retry": "Try exceptions again",
    "exceptions.assign": "Assign exceptions",
    "exceptions.discard": "Discard exceptions",
    "exceptions.comment": "Comment on an exception",
    "exceptions.correct": "Correct what was delivered",
    "exceptions.map": "Set a code and retry what lacks it",
    "exceptions.bill_patient": "Bill the patient instead of the payer",
    "exceptions.rewrite": "Write a deleted record again in Odoo",
    "codes.correct": "Change a code table",
    "codes.roll_back": "Put a code table back to an earlier version",
    "processes.resume": "Have processes go on",
    "processes.cancel": "End processes where they stand",
    "processes.compensate": "Have processes undo what they did",
    "interfaces.pause": "Pause an interface",
    "interfaces.resume": "Let an interface flow again",
    "reconciliation.run": "Compare both sides",
    "discrepancies.repair": "Repair a difference",
    "discrepancies.verify": "Look at a difference again",
    "discrepancies.accept": "Accept differences as they are",
    "close.start": "Begin the close of a month",
    "close.sign": "Sign the close of a month",
    "close.resume": "Have the close of a month go on",
    "close.reopen": "Reopen a month",
    "people.add": "Add a person",
    "people.roles": "Change a person's roles",
    "people.invite": "Invite a person anew",
    "people.disable": "End a person's access",
    "people.enable": "Give a person access again",
    "clients.add": "Add a client",
    "clients.key": "Give a client another key",
    "clients.revoke": "Revoke a client, or a key of it",
}


def command(name: str) -> str:
    """A command as the person who decides on it reads it."""
    return _COMMANDS.get(name, name.replace(".", ": ").replace("_", " "))


def queue(name: str) -> str:
    """What waits in a queue."""
    return _QUEUES.get(name, name)
