"""Records by kind and id, read once: the second copy of a record is recognised, whichever file it is in."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from suture_lab.simulators.clinic.synthea.files import Skipped, SourceRecord, read_folder, reason_of
from suture_lab.simulators.clinic.synthea.resources import KINDS

# FHIR allows 64 characters; ours need room for a suffix.
_ID = re.compile(r"[A-Za-z0-9\-.]{1,60}\Z")

Made = TypeVar("Made")


class Unusable(Exception):
    """A record can be read but not used; the message is the reason, and repeats nothing of the record's content."""


class Shelf:
    """All usable records of a folder, and the list of those that were skipped."""

    def __init__(self, folder: Path) -> None:
        self.skipped: list[Skipped] = []
        self.duplicates = 0
        self._shelves: dict[str, dict[str, tuple[SourceRecord, Any]]] = {kind: {} for kind in KINDS}
        self._named: dict[tuple[str, str], str] = {}
        for record in read_folder(folder, KINDS, self.skipped.append):
            self._put(record)

    def has(self, kind: str, record_id: str) -> bool:
        return record_id in self._shelves[kind]

    def make(self, kind: str, make: Callable[[str, Any], Made]) -> dict[str, Made]:
        """What `make` makes of every record of `kind`, by id; those that it finds `Unusable` are skipped."""
        made = {}
        for record_id, (record, resource) in self._shelves[kind].items():
            try:
                made[record_id] = make(record_id, resource)
            except Unusable as unusable:
                self.skipped.append(record.skipped(str(unusable)))
        return made

    def id_of(self, kind: str, reference: str) -> str:
        """The id that a reference names: ``urn:uuid:<id>``, ``Kind/<id>`` or ``Kind?identifier=<system>|<value>``."""
        if "?identifier=" in reference:
            return self._named.get((kind, reference.rpartition("|")[2]), "")
        return re.split(r"[/:]", reference)[-1]

    def _put(self, record: SourceRecord) -> None:
        if not _ID.match(record.id):
            self.skipped.append(record.skipped("not as FHIR R4 has it: no usable id"))
        elif record.id in self._shelves[record.kind]:
            self.duplicates += 1
        else:
            self._read(record)

    def _read(self, record: SourceRecord) -> None:
        try:
            resource = msgspec.json.decode(record.body, type=KINDS[record.kind])
        except (msgspec.DecodeError, RecursionError) as error:
            self.skipped.append(record.skipped(reason_of(error)))
            return
        place = msgspec.structs.replace(record, body=b"")
        self._shelves[record.kind][record.id] = (place, resource)
        for identifier in getattr(resource, "identifier", ()):
            self._named[(record.kind, identifier.value)] = record.id
