"""A Bundle's resources, and what a reference in one of them means.

Followed are: literal references (relative, absolute, of a version), ``urn:uuid:`` by `Bundle.entry.fullUrl`, contained
ones (``#id``), logical ones by identifier, and conditional ones (``Patient?identifier=system|value``).
https://hl7.org/fhir/R4/references.html, https://hl7.org/fhir/R4/bundle.html#references
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec

from suture.codecs.fhir.resources import Identifier, Meta, Reference, Resource, soft
from suture.codecs.fhir.values import moment

R = TypeVar("R", bound=Resource)

_LITERAL = re.compile(
    r"(?P<base>.*/|)(?P<kind>[A-Z][A-Za-z]{2,40})/(?P<id>[^/?#]+)(?:/_history/(?P<version>[^/?#]+))?/?"
)
_CONDITIONAL = re.compile(r"(?:.*/|)(?P<kind>[A-Z][A-Za-z]{2,40})\?(?P<query>.+)")

_ETAG = re.compile('^W/|"')

Tree = dict[str, Any]


class HeldResource(msgspec.Struct, frozen=True):
    """A resource as it stands in a bundle: its place, where it says who it is, and what contains it (itself, unless it
    is contained). `transient` is an id that was made up for this bundle (a ``urn:`` as `fullUrl`, and no id beside it):
    references within it mean the resource, and the next bundle calls it something else. `base` is the server whose
    record it is, where that is another one than the bundle's own: an id is a name at one server only. `gone` where all
    that is told of it is that it was deleted, and `place` is its entry's."""

    kind: str
    id: str
    tree: Tree
    url: str = ""
    root: Tree | None = None
    transient: bool = False
    base: str = ""
    gone: bool = False
    place: int = 0

    @property
    def reference(self) -> str:
        return f"{self.base}{self.kind}/{self.id}"

    @property
    def contained(self) -> bool:
        return self.root is not None


class Target(msgspec.Struct, frozen=True):
    """Whom a reference means: `held` where the bundle has it. Without an `id` nobody else can name it. `base` is the
    server whose record it is, where that is another one than the bundle's own."""

    kind: str
    id: str
    held: HeldResource | None = None
    base: str = ""

    @property
    def reference(self) -> str:
        return f"{self.base}{self.kind}/{self.id}"

    @property
    def lasting(self) -> bool:
        """Whether its id still means it in another bundle of this one's server."""
        return bool(self.id) and not self.base and not (self.held is not None and self.held.transient)


class Read(msgspec.Struct, Generic[R], frozen=True):
    """A resource decoded, with where it stands: references in it are followed from there. `fault` is why not all of it
    can be read: `resource` has what can."""

    resource: R
    held: HeldResource
    fault: msgspec.ValidationError | None = None

    @property
    def id(self) -> str:
        return self.held.id

    def whole(self) -> "Read[R]":
        """Itself, where all of it can be read. Raises `msgspec.ValidationError`."""
        if self.fault is not None:
            raise self.fault
        return self


class Contents:
    """The resources of a bundle. Decoding one raises `msgspec.ValidationError`, whose text names the place and never
    the content. The bundle is of the server that has the resources which it is `about`, or that has all of them. What
    it says was deleted (``DELETE`` as `Bundle.entry.request.method`) isn't there, in none of its versions, unless one
    is newer than that."""

    def __init__(self, entries: list[Any], about: type[Resource] = Resource) -> None:
        self._kinds: dict[str, list[HeldResource]] = defaultdict(list)
        self._urls: dict[str, HeldResource] = {}
        self._read: dict[tuple[int, type[Resource]], Read[Any]] = {}
        self._followed: dict[tuple[str, str, str], Target | None] = {}
        every = [held for place, entry in enumerate(entries) if (held := _held(entry, place)) is not None]
        self._bases = {base for held in every if (base := _base(held.url))}
        bases = {base for held in every if held.kind == about.__name__ and (base := _base(held.url))} or self._bases
        self._own = next(iter(bases)) if len(bases) == 1 else ""
        known = [msgspec.structs.replace(one, base=self._foreign(one.url)) for one in every]
        self._gone = {one.reference: one for one in known if one.gone}
        for here in known:
            if here.gone or (here.reference in self._gone and not _is_newer(here, self._gone[here.reference])):
                continue
            self._kinds[here.kind].append(here)
            self._urls.setdefault(_unversioned(here.url), here)
        self._urls.pop("", None)

    def held(self, kind: type[Resource]) -> list[HeldResource]:
        """Every resource of a type, as it stands."""
        return list(self._kinds[kind.__name__])

    def deleted(self, kind: type[Resource]) -> list[HeldResource]:
        """What was deleted of a type."""
        return [one for one in self._gone.values() if one.kind == kind.__name__]

    def every(self, kind: type[R]) -> list[Read[R]]:
        """All that is told of a type, each version of a record too, as far as it can be read."""
        return [self.as_far_as_readable(held, kind) for held in self._kinds[kind.__name__]]

    def of(self, kind: type[R]) -> list[Read[R]]:
        """The records of a type, each as it is newest, as far as it can be read: one that can't may be none of ours."""
        return [self.as_far_as_readable(held, kind) for held in self._newest(kind)]

    def readable(self, kind: type[R]) -> list[Read[R]]:
        """The records of a type all of which can be read."""
        return [one for one in self.of(kind) if one.fault is None]

    def _newest(self, kind: type[Resource]) -> list[HeldResource]:
        same: dict[object, list[HeldResource]] = {}
        for place, held in enumerate(self._kinds[kind.__name__]):
            same.setdefault(held.reference if held.id else place, []).append(held)
        return [newest(versions) for versions in same.values()]

    def read(self, held: HeldResource, kind: type[R]) -> Read[R]:
        return self.as_far_as_readable(held, kind).whole()

    def as_far_as_readable(self, held: HeldResource, kind: type[R]) -> Read[R]:
        """A resource without the elements that can't be read, and with the reason. It is decoded once, however many
        references mean it."""
        known = self._read.get((id(held.tree), kind))
        if known is None or known.held is not held:
            known = self._read[id(held.tree), kind] = self._decoded(held, kind)
        return known

    def _decoded(self, held: HeldResource, kind: type[R]) -> Read[R]:
        tree = _present(held.tree)
        try:
            return Read(msgspec.convert(tree, kind, strict=False), held)
        except msgspec.ValidationError as fault:
            sound = {name: value for name, value in tree.items() if soft(kind, {name: value})}
            return Read(msgspec.convert(sound, kind, strict=False), held, fault)

    def target(self, reference: Reference, within: HeldResource, *, kind: str = "") -> Target | None:
        """Whom a reference means that stands `within` a resource; None where that can't be told. `kind` is the one
        type that it may mean where it doesn't say."""
        text = reference.reference.strip()
        said = reference.type.rpartition("/")[2] or kind
        found = self._followed_from(text, within, said) if text else None
        logical = None
        if reference.identifier is not None and (found is None or found.held is None):
            logical = self._by_identifier(soft(Identifier, reference.identifier), said)
        if found is None or (found.held is None and logical is not None and logical.id == found.id):
            return logical or found
        return self._elsewhere(found)

    def _followed_from(self, text: str, within: HeldResource, kind: str) -> Target | None:
        """`_literal`, once for all that stand at one server: but what is contained is named within its resource."""
        if text.startswith("#"):
            return _contained(text[1:], within)
        place = text, kind, within.base
        if place not in self._followed:
            self._followed[place] = self._literal(text, within, kind)
        return self._followed[place]

    def _literal(self, text: str, within: HeldResource, kind: str) -> Target | None:
        literal = _LITERAL.fullmatch(text)
        by_url = self._urls.get(_unversioned(text))
        if by_url is not None and (literal is None or (by_url.kind, by_url.id) != (literal["kind"], literal["id"])):
            return _of(by_url)
        if text.lower().startswith(("urn:uuid:", "urn:oid:")):
            return self._by_bare_id(text.rpartition(":")[2], kind)
        conditional = _CONDITIONAL.fullmatch(text)
        if conditional is not None:
            return self._by_identifier(_asked_for(conditional["query"]), conditional["kind"])
        if literal is None:
            return self._by_bare_id(text, kind) if kind and "/" not in text else None
        base = self._foreign(text) if "://" in literal["base"] else within.base
        return self._by_id(literal["kind"], literal["id"], base, literal["version"] or "")

    def _foreign(self, url: str) -> str:
        """The server of a URL, where that is another one than the bundle's own. A bundle that doesn't say where its
        resources are is taken for one of the server that its references name."""
        base = _base(url)
        return "" if base == self._own or not self._bases else base

    def _by_id(self, kind: str, identity: str, base: str, version: str) -> Target:
        """The resource of this id at a server; of several versions the one that is meant."""
        same = [one for one in self._kinds[kind] if (one.id, one.base) == (identity, base)]
        meant = [one for one in same if version and _meta(one).version_id == version] or same
        return Target(kind, identity, newest(meant) if meant else None, base)

    def _by_bare_id(self, identity: str, kind: str) -> Target | None:
        """A resource by its id alone: of one type, or the only one of this id."""
        kinds = [kind] if kind else list(self._kinds)
        found = [one for name in kinds for one in self._kinds.get(name, ()) if one.id.lower() == identity.lower()]
        return _of(found[0]) if len(found) == 1 else None

    def _by_identifier(self, identifiers: list[Identifier], kind: str) -> Target | None:
        """The one resource of a type that is called so. A system that isn't said may be any."""
        for wanted in identifiers:
            if not wanted.value or not kind:
                continue
            found = [one for one in self._kinds.get(kind, ()) if _is_called(one, wanted)]
            if found and len({one.reference for one in found}) == 1:
                return _of(newest(found))
        return None

    def _elsewhere(self, target: Target) -> Target:
        """A contained record is the one of the bundle that has the same identifier, where there is one."""
        if target.held is None or not target.held.contained:
            return target
        named = soft(Identifier, target.held.tree.get("identifier"))
        return self._by_identifier([one for one in named if one.system], target.kind) or target


def entries_of(data: Tree) -> list[Any]:
    """The entries of a Bundle, a history's from the oldest on; a resource that came alone is the only one. Raises
    `msgspec.ValidationError`."""
    if not isinstance(data.get("resourceType"), str):
        raise msgspec.ValidationError("Object missing required field `resourceType`")
    if data["resourceType"] != "Bundle":
        return [{"resource": data}]
    entries = data.get("entry") or []
    if not isinstance(entries, list):
        raise msgspec.ValidationError("Expected `array` - at `$.entry`")
    return entries[::-1] if data.get("type") == "history" else entries


def _held(entry: Any, place: int) -> HeldResource | None:
    """The resource of an entry, or its deletion; the answer to a request has none."""
    if not isinstance(entry, dict):
        return None
    if _text(entry.get("request"), "method").upper() == "DELETE":
        return _deleted(entry, place)
    tree, url = entry.get("resource"), _text(entry, "fullUrl")
    kind, identity = _text(tree, "resourceType"), _text(tree, "id")
    if not isinstance(tree, dict) or not kind:
        return None
    if identity:
        return HeldResource(kind, identity, tree, url, place=place)
    literal = _LITERAL.fullmatch(url)
    if literal is None and url.startswith("urn:"):
        return HeldResource(kind, url.rpartition(":")[2], tree, url, transient=True, place=place)
    return HeldResource(kind, literal["id"] if literal else "", tree, url, place=place)


def _deleted(entry: Tree, place: int) -> HeldResource | None:
    """A record that was deleted, by its address; its version and time are the answer's."""
    answer = entry.get("response")
    meta = {"versionId": _ETAG.sub("", _text(answer, "etag")), "lastUpdated": _text(answer, "lastModified")}
    for url in (_text(entry, "fullUrl"), _text(entry.get("request"), "url")):
        literal = _LITERAL.fullmatch(url)
        if literal is not None and not literal["version"]:
            return HeldResource(literal["kind"], literal["id"], {"meta": meta}, url, gone=True, place=place)
    return None


def _text(tree: Any, name: str) -> str:
    value = tree.get(name) if isinstance(tree, dict) else None
    return value if isinstance(value, str) else ""


def _contained(identity: str, within: HeldResource) -> Target | None:
    root = within.root or within.tree
    if not identity:
        return Target(str(root.get("resourceType", "")), str(root.get("id", "")), base=within.base)
    contained = root.get("contained")
    for tree in contained if isinstance(contained, list) else ():
        if isinstance(tree, dict) and str(tree.get("id", "")).lstrip("#") == identity:
            kind = str(tree.get("resourceType", ""))
            return Target(kind, "", HeldResource(kind, "", tree, root=root, base=within.base))
    return None


def _of(held: HeldResource) -> Target:
    return Target(held.kind, held.id, held, held.base)


def _base(url: str) -> str:
    """The server of a resource's URL; none of a ``urn:``, or of a part of one. FHIR tells servers apart by host and
    path, not by ``http`` and ``https``."""
    literal = _LITERAL.fullmatch(url)
    scheme, _, rest = literal["base"].partition("://") if literal is not None else ("", "", "")
    host, _, path = rest.partition("/")
    return f"{scheme.lower().replace('https', 'http')}://{host.lower()}/{path}" if rest else ""


def _unversioned(url: str) -> str:
    return url.partition("/_history/")[0].rstrip("/")


def _meta(held: HeldResource) -> Meta:
    return next(iter(soft(Meta, _present(held.tree.get("meta")))), Meta())


def newest(same: Sequence[HeldResource]) -> HeldResource:
    """The newest of what a bundle says of one record: by `meta.lastUpdated`, then by version, then the last."""

    def age(place: int) -> tuple[datetime, int, int]:
        return _updated(same[place]) or datetime.min.replace(tzinfo=UTC), _version(same[place]), place

    return same[0] if len(same) == 1 else same[max(range(len(same)), key=age)]


def _is_newer(held: HeldResource, gone: HeldResource) -> bool:
    """Whether a record was made anew after its deletion: by time, where both have one; by version; else by place."""
    updated, deleted = _updated(held), _updated(gone)
    if updated is not None and deleted is not None and updated != deleted:
        return updated > deleted
    version, last = _version(held), _version(gone)
    return version > last if -1 not in (version, last) else held.place > gone.place


def _updated(held: HeldResource) -> datetime | None:
    return moment(_meta(held).last_updated)


def _version(held: HeldResource) -> int:
    version = _meta(held).version_id
    return int(version) if version.isascii() and version.isdigit() else -1


def _is_called(held: HeldResource, wanted: Identifier) -> bool:
    names = soft(Identifier, held.tree.get("identifier"))
    return any(one.value == wanted.value and wanted.system in ("", one.system) for one in names)


def _asked_for(query: str) -> list[Identifier]:
    """The identifiers that a conditional reference's search asks for."""
    told = [value for name, value in parse_qsl(query) if name == "identifier"]
    return [Identifier(value=one.rpartition("|")[2], system=one.rpartition("|")[0]) for one in told]


def _present(tree: Any) -> Any:
    """A tree without its nulls: where a value is missing FHIR writes null into an array, and some servers elsewhere."""
    if isinstance(tree, str):
        return tree
    if isinstance(tree, dict):
        return {name: _present(value) for name, value in tree.items() if value is not None}
    if isinstance(tree, list):
        return [_present(value) for value in tree if value is not None]
    return tree


def decoder(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    """A decoder of JSON that keeps numbers as they are written."""
    return msgspec.json.Decoder(kind, float_hook=Decimal)
