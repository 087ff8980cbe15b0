"""The little that English asks of a program that speaks to people: numbers with their nouns, articles, and why a system
does not serve, in words."""


def plural(count: int, noun: str, several: str = "") -> str:
    """``1 process``, ``1,200 processes``, ``no delivery``."""
    if not count:
        return f"no {noun}"
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"


def article(noun: str) -> str:
    """The noun with its article: ``a charge``, ``an invoice``."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


_OF_ITSELF = {
    "went on": "because the process went on",
    "booked": "because the remittance was booked",
    "breaker": "because the system is available again",
    "told anew": "because a new version was sent",
    "replayed": "because the delivery can be decoded now",
    "reconciliation": "because both sides agree again",
    "notification": "because a message got through",
}


def closed(by: str | None) -> str:
    """Who closed an exception, or why it closed without anybody, in words that follow "closed"."""
    return _OF_ITSELF.get(by or "", f"by {by or '–'}")


_CAUSES = {
    "unreachable": "it can’t be reached",
    "no_answer": "it does not answer in time",
    "step_timed_out": "it takes longer than a step may",
    "busy": "it is too busy to take more",
    "server_error": "it answers with an error of its own",
    "unreadable_answer": "its answers can’t be read",
    "answer_too_large": "its answers are too large",
    "connection_lost": "connections to it break",
    "silent": "it has sent nothing for too long",
    "system_away": "it does not answer",
    "held": "another interface of the same system is unavailable",
    "subscriber_disabled": "its subscription was switched off after too many failures",
    "credentials_refused": "it refuses our key",
    "access_missing": "our user lacks a right there",
    "not_permitted": "our user lacks a right there",
    "redirected": "its address leads elsewhere",
    "not_odoo": "no Odoo answers at its address",
    "not_prepared": "it is not prepared for Suture yet",
    "database_unknown": "it has no such database",
    "company_unknown": "it has no such company",
}


def cause(code: str) -> str:
    """Why a system does not serve, by a failure's code, in words that follow "because"."""
    return _CAUSES.get(code, f"of “{code.replace('_', ' ')}”" if code else "it does not answer")
