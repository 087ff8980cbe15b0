"""FHIR resources from a folder of files, one at a time: ``.ndjson``, ``.json`` (a bundle or one resource), gzip too.

Nothing in a file stops the reading: what can't be read is handed to `skip`, with its place and the reason.
"""

import gzip
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UNREADABLE = (OSError, EOFError, zlib.error)
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was left out. `where` is its line or entry; `reference` names it as far as it is known."""

    file: str
    where: str = ""
    reference: str = ""
    reason: str

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.file, self.where, self.reference) if part)
        return f"{place}: {self.reason}"


class SourceRecord(msgspec.Struct, frozen=True):
    """One resource, not yet understood, and where it was found."""

    kind: str
    id: str
    body: bytes | msgspec.Raw
    file: str
    where: str

    @property
    def reference(self) -> str:
        return f"{self.kind}/{self.id}"

    def skipped(self, reason: str) -> Skipped:
        return Skipped(file=self.file, where=self.where, reference=self.reference, reason=reason)


Skip = Callable[[Skipped], None]


class _Head(msgspec.Struct, rename="camel"):
    resource_type: str
    id: str = ""


class _SyntheaBundle(msgspec.Struct):
    """Entries stay raw, so that a bad one spoils only itself."""

    entry: list[msgspec.Raw] = []


class _SyntheaEntry(msgspec.Struct):
    resource: msgspec.Raw


def read_folder(folder: Path, kinds: Collection[str], skip: Skip) -> Iterator[SourceRecord]:
    """The resources of `kinds` in all files below `folder`, in the order of their names."""
    for path in sorted(folder.rglob("*")):
        file = str(path.relative_to(folder))
        endings = path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]
        if not endings or endings[0] not in (".json", ".ndjson") or not path.is_file():
            continue
        bodies = _lines(path, file, skip) if endings[0] == ".ndjson" else _entries(path, file, skip)
        for where, body in bodies:
            record = _record(body, file, where, skip)
            if record is not None and record.kind in kinds:
                yield record


def _record(body: bytes | msgspec.Raw, file: str, where: str, skip: Skip) -> SourceRecord | None:
    try:
        head = msgspec.json.decode(body, type=_Head)
    except _NOT_JSON as error:
        skip(Skipped(file=file, where=where, reason=reason_of(error)))
        return None
    return SourceRecord(head.resource_type, head.id, body, file, where)


def _lines(path: Path, file: str, skip: Skip) -> Iterator[tuple[str, bytes]]:
    number = 0
    try:
        with _open(path) as stream:
            for number, line in enumerate(stream, start=1):
                content = line.removeprefix(_BYTE_ORDER_MARK).strip()
                if content:
                    yield f"line {number}", content
    except _UNREADABLE as error:
        skip(Skipped(file=file, where=f"after line {number}", reason=reason_of(error)))


def _entries(path: Path, file: str, skip: Skip) -> Iterator[tuple[str, bytes | msgspec.Raw]]:
    try:
        with _open(path) as stream:
            content = stream.read().removeprefix(_BYTE_ORDER_MARK)
        if msgspec.json.decode(content, type=_Head).resource_type != "Bundle":
            yield "", content
            return
        entries = msgspec.json.decode(content, type=_SyntheaBundle).entry
    except (*_UNREADABLE, *_NOT_JSON) as error:
        skip(Skipped(file=file, reason=reason_of(error)))
        return
    for number, entry in enumerate(entries, start=1):
        where = f"entry {number}"
        try:
            yield where, msgspec.json.decode(entry, type=_SyntheaEntry).resource
        except _NOT_JSON as error:
            skip(Skipped(file=file, where=where, reason=reason_of(error)))


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def reason_of(error: Exception) -> str:
    """Why a record can't be read, in words that repeat nothing of its content."""
    if isinstance(error, msgspec.ValidationError):
        return f"not as FHIR R4 has it: {error}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, _NOT_JSON):
        return "not JSON"
    return f"the file can't be read ({type(error).__name__})"
