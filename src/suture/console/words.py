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
    "session.begin": "signed in",
}


def act(name: str) -> str:
    """An act of the audit trail, as what somebody did."""
    return _ACTS.get(name, name.replace(".", ": ").replace("_", " "))


def queue(name: str) -> str:
    """What waits in a queue."""
    return _QUEUES.get(name, name)
