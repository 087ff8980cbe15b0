"""Names of journal entries: a sequence a journal and year (sales, bank, cash) or month (all others)."""

from datetime import date

from suture_lab.simulators.odoo.call import Call
from suture_lab.simulators.odoo.database import SimulatedDatabase
from suture_lab.simulators.odoo.documents import MOVE, REFUNDS
from suture_lab.simulators.odoo.store import Row

_YEARLY = ("sale", "bank", "cash")
NONE = ("/", False, None)


def is_monthly(env: Call, move: Row) -> bool:
    """Whether a journal counts by months; one that hasn't counted yet is taken to do so when dates are moved."""
    journal = env.db.row("account.journal", move["journal_id"])
    return journal["type"] not in _YEARLY or not _has_numbers(env, journal)


def give_name(env: Call, move: Row) -> None:
    """The next name of the sequence for the move's date. One that it has already stays, if it is of the same period."""
    stem = _stem(env, move)
    if move.get("name") not in NONE and (move.get("posted_before") or str(move["name"]).startswith(stem)):
        return
    env.db.store.set(MOVE, move, "name", _name(stem, env.next_number(_key(move, stem))))


def _name(stem: str, number: int) -> str:
    width = 4 if stem.count("/") == 3 else 5
    return f"{stem}{number:0{width}}"


def name_first_draft(env: Call, move: Row) -> None:
    """17 names a draft at once where it is the first of its period that its transaction sees: two that come at the same
    moment get one name, of which only one can be posted."""
    if env.db.version >= 18:
        return
    stem = _stem(env, move)
    key = _key(move, stem)
    if not env.db.store.sequences.get(key):
        give_name(env, move)
    elif key not in env.numbered:
        env.db.store.set(MOVE, move, "name", _name(stem, 1))


def numbered(db: SimulatedDatabase) -> frozenset[str]:
    """The periods of journals that have a number in this moment."""
    return frozenset(key for key, count in db.store.sequences.items() if count)


def is_of_its_period(env: Call, move: Row) -> bool:
    """Whether a move's name is of the period of its date: one that was posted before keeps its name."""
    return str(move["name"]).startswith(_stem(env, move))


def is_taken(env: Call, move: Row) -> bool:
    """Whether another posted entry of the journal has its name."""
    if move.get("name") in NONE:
        return False
    bearers = env.db.by(MOVE, "name", move["name"])
    return any(
        row["id"] != move["id"] and row["journal_id"] == move["journal_id"] and row["state"] == "posted"
        for row in bearers
    )


def release_name(env: Call, move: Row) -> None:
    """A deleted move's number is given again if it was the last, and nobody else has it."""
    stem, _, number = str(move.get("name") or "").rpartition("/")
    if number.isdigit() and not env.db.by(MOVE, "name", move["name"]):
        env.db.store.release_number(_key(move, f"{stem}/"), int(number))


def _stem(env: Call, move: Row) -> str:
    journal = env.db.row("account.journal", move["journal_id"])
    day = date.fromisoformat(move["date"])
    refund = "R" if move["move_type"] in REFUNDS else ""
    period = f"{day.year}" if journal["type"] in _YEARLY else f"{day.year}/{day.month:02}"
    return f"{refund}{journal['code']}/{period}/"


def _key(move: Row, stem: str) -> str:
    """Journals of two companies may have the same code."""
    return f"{move['journal_id']}:{stem}"


def _has_numbers(env: Call, journal: Row) -> bool:
    return any(key.startswith(f"{journal['id']}:") and count for key, count in env.db.store.sequences.items())
