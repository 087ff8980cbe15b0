"""Names from code in the words of people who don't read it."""

_QUEUES = {
    "exceptions": ("exception", "exceptions", "/exceptions"),
    "differences": ("difference between the sides", "differences between the sides", "/reconciliation"),
    "approvals": ("request for a second person", "requests for a second person", "/approvals"),
    "signatures": ("month to be signed", "months to be signed", "/close"),
    "stuck": ("process that waits for a person", "processes that wait for a person", "/processes?state=stuck"),
    "held_up": ("interface that is held up", "interfaces that are held up", "/interfaces"),
    "turned_away": (
        "delivery turned away at the door since yesterday",
        "deliveries turned away at the door since yesterday",
        "/turned-away",
    ),
    "conflicts": (
        "delivery set aside since yesterday: its id had another content",
        "deliveries set aside since yesterday: their ids had another content",
        "/turned-away",
    ),
    "parked": ("process that waits for a system", "processes that wait for a system", "/processes?state=parked"),
    "payments": (
        "payment that waits for its invoice",
        "payments that wait for their invoices",
        "/processes?state=waiting&definition=posted_payment",
    ),
    "received": ("delivery to be understood", "deliveries to be understood", "/interfaces"),
    "due": ("process whose turn it is", "processes whose turn it is", "/processes?state=running"),
    "unpublished": ("event on its way to the backbone", "events on their way to the backbone", ""),
    "webhooks": ("webhook to be delivered", "webhooks to be delivered", "/people"),
}
"""What waits: one of it, several, and the page where it is found."""

_TURNED_AWAY = {
    "headers_missing": (
        "a header of the signature is missing",
        "Whoever sent it doesn't sign. If it is the system's own, its webhooks are to be signed (Standard Webhooks).",
    ),
    "signature_wrong": (
        "the signature is wrong",
        "The sender signs with another key, or something on the way changes the body. Compare its key with the one that"
        " the catalogue names. If the system sends nothing else, somebody else may be trying: tell a security officer.",
    ),
    "id_with_dot": (
        "its id holds a dot",
        "The sender is to give ids without dots: a dot makes the signature ambiguous.",
    ),
    "timestamp_invalid": ("its time of signing is no time", "The sender is to write seconds since 1970."),
    "timestamp_too_old": (
        "it was signed too long ago",
        "The sender's clock is behind, or something kept it on the way. What is sent again is to be signed anew.",
    ),
    "timestamp_too_new": ("it was signed in the future", "The sender's clock is ahead: set it."),
    "too_large": ("it is larger than the interface takes", "Send less at once, or raise the limit in the catalogue."),
    "id_invalid": ("its id can't be used", "The sender is to give ids that are short and printable."),
}
"""Why a delivery is turned away at the door, and what to do about it."""
_ACTS = {
    "exception.assign": "assigned",
    "exception.comment": "said",
    "exception.discard": "discarded",
    "delivery.replay": "had read again",
    "process.resume": "had go on",
    "process.cancel": "ended",
    "process.compensate": "had undone",
    "process.decide": "decided an approval of",
    "process.redo": "had done again",
    "payload.read": "read what was delivered",
    "visit.bill_patient": "had billed to the patient",
    "ledger.forget": "had written again in the ledger",
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
    "exceptions.correct_codes": "Add codes that a delivery lacked",
    "exceptions.rewrite": "Write a deleted record again in the ledger",
    "codes.correct": "Change a code table",
    "codes.roll_back": "Put a code table back to an earlier version",
    "deliveries.replay": "Have deliveries read again",
    "remittances.book": "Book a payer's remittance",
    "visits.bill": "Have a visit billed",
    "processes.resume": "Have processes go on",
    "processes.cancel": "End processes where they stand",
    "processes.compensate": "Have processes undo what they did",
    "processes.decide": "Decide an approval that a process waits for",
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
    "people.email": "Change where a person is written to",
    "people.invite": "Invite a person anew",
    "people.disable": "End a person's access",
    "people.enable": "Give a person access again",
    "clients.add": "Add a client",
    "clients.key": "Give a client another key",
    "clients.scopes": "Change what a client may do",
    "clients.revoke": "Revoke a client, or a key of it",
    "subscriptions.add": "Subscribe to events",
    "subscriptions.remove": "End a subscription",
    "subscriptions.enable": "Enable a subscription",
    "subscriptions.disable": "Disable a subscription",
    "subscriptions.rotate": "Give a subscription another secret",
    "subscriptions.redeliver": "Have an event delivered again",
}


def command(name: str) -> str:
    """A command as the person who decides on it reads it."""
    return _COMMANDS.get(name, name.replace(".", ": ").replace("_", " "))


def queue(name: str, count: int) -> str:
    """What waits in a queue, for so many."""
    one, several, _ = _QUEUES.get(name, (name, name, ""))
    return one if count == 1 else several


def queue_page(name: str) -> str:
    """The page of what waits in a queue; empty where there is none."""
    return _QUEUES.get(name, ("", "", ""))[2]


def turned_away(reason: str) -> str:
    """Why a delivery is turned away at the door."""
    return _TURNED_AWAY.get(reason, (reason.replace("_", " "), ""))[0]


def turned_away_remedy(reason: str) -> str:
    """What to do about it."""
    return _TURNED_AWAY.get(reason, ("", ""))[1]
