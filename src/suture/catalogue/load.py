"""Reads a catalogue and says what is wrong with it, by file and line."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from suture.catalogue.choices import instead
from suture.catalogue.manifest import Role
from suture.catalogue.model import Catalogue, Interface, System
from suture.catalogue.notification_faults import bad_notifications
from suture.catalogue.registry import ConnectorBroken, manifests

_PATH_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]|\[(\.\.\.)\]")
_NOT_ALLOWED = re.compile("Invalid enum value '?(.*?)'?$")
_UNKNOWN_FIELD = re.compile("unknown field `(.+?)`")
_NOT_YAML = (YAMLError, ValueError, RecursionError)
NEEDED: tuple[Role, ...] = ("scheduling", "billing", "ledger")
"""One system of each there must be."""
_OWN_FIELDS = frozenset(field.name for field in msgspec.structs.fields(System)) - {"settings"}


class CatalogueProblem(msgspec.Struct, frozen=True):
    """One thing to fix. `line` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class CatalogueError(Exception):
    """The catalogue can't be used as it stands. Fix the lines it names and run `suture check`."""

    def __init__(self, problems: list[CatalogueProblem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def load(path: Path) -> Catalogue:
    """The catalogue in a YAML file. Raises `CatalogueError` with every problem found."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise CatalogueError(
            [CatalogueProblem(str(path), 1, "the file does not exist; `suture init` writes one")]
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise CatalogueError([CatalogueProblem(str(path), 1, f"it can't be read: {reason or 'not UTF-8'}")]) from error
    return parse(text, str(path))


def fingerprint(path: Path) -> str:
    """A short digest of the file as it stands: another one, when it was changed. Empty where it can't be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def parse(text: str, file: str) -> Catalogue:
    """The catalogue in a YAML text; `file` is only named in problems."""
    try:
        tree = YAML(typ="rt").load(StringIO(text))
        plain = _plain(tree)
    except _NOT_YAML as error:
        raise CatalogueError([_unreadable(error, text, file)]) from error
    try:
        catalogue = msgspec.convert(_as_now(plain), Catalogue, strict=False)
    except msgspec.ValidationError as error:
        raise CatalogueError([_located(tree, file, str(error))]) from error
    catalogue = _with_settings(catalogue, tree, file)
    problems = [CatalogueProblem(file, _line(tree, path), message) for path, message in _contradictions(catalogue)]
    if problems:
        raise CatalogueError(sorted(problems, key=lambda problem: problem.line))
    return catalogue


def _as_now(plain: Any) -> Any:
    """A catalogue of before in the words of now; and what each connector asks for besides in a place of its own."""
    if not isinstance(plain, dict):
        return plain
    words = {old: new for manifest in manifests().values() for old, new in manifest.formerly.items()}
    told = dict(plain)
    if isinstance(told.get("systems"), dict):
        told["systems"] = {name: _parted(system) for name, system in told["systems"].items()}
    for section in ("interfaces", "reconciliation"):
        if section in told:
            told[section] = _renamed(told[section], words)
    return told


def _parted(system: Any) -> Any:
    if not isinstance(system, dict):
        return system
    own = {name: value for name, value in system.items() if name in _OWN_FIELDS}
    return own | {"settings": {name: value for name, value in system.items() if name not in _OWN_FIELDS}}


def _renamed(part: Any, words: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        return {key: _renamed(value, words) for key, value in part.items()}
    if isinstance(part, list):
        return [_renamed(value, words) for value in part]
    return words.get(part, part) if isinstance(part, str) else part


def _with_settings(catalogue: Catalogue, tree: Any, file: str) -> Catalogue:
    """With each system's own settings as its connector wants them. Raises `CatalogueError`, also where there is no such
    connector: nothing else can be said of the catalogue then."""
    systems: dict[str, System] = {}
    problems: list[CatalogueProblem] = []
    for name, system in catalogue.systems.items():
        try:
            settings = _settings(system)
            systems[name] = msgspec.structs.replace(system, settings=settings)
        except ConnectorBroken as error:
            raise CatalogueError(
                [CatalogueProblem(file, _line(tree, ("systems", name, "kind")), str(error))]
            ) from error
        except msgspec.ValidationError as error:
            text, _, path = str(error).partition(" - at `$.")
            field = _UNKNOWN_FIELD.search(text)
            place = ("systems", name, field[1] if field else path.rstrip("`"))
            where = ".".join(part for part in ("systems", name, path.rstrip("`")) if part)
            if manifest := manifests().get(system.kind):
                text = _said(text, manifest.settings, [path.rstrip("`")])
            problems.append(CatalogueProblem(file, _line(tree, place), f"{where}: {text}"))
    if problems:
        raise CatalogueError(sorted(problems, key=lambda problem: problem.line))
    return msgspec.structs.replace(catalogue, systems=systems)


def _settings(system: System) -> Any:
    manifest = manifests().get(system.kind)
    if manifest is None:
        known = ", ".join(sorted(manifests()))
        raise msgspec.ValidationError(
            f"there is no connector of kind {system.kind!r}; there are: {known} - at `$.kind`"
        )
    return msgspec.convert(system.settings or {}, manifest.settings, strict=False)


def _unreadable(error: Exception, text: str, file: str) -> CatalogueProblem:
    """What the YAML reader stumbled over, where it stumbled if it says so."""
    if isinstance(error, MarkedYAMLError):
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return CatalogueProblem(file, line, f"not YAML: {error.problem}")
    if isinstance(error, ReaderError):
        return CatalogueProblem(
            file, text.count("\n", 0, error.position) + 1, "not YAML: a character that it does not allow"
        )
    if isinstance(error, RecursionError):
        return CatalogueProblem(file, 1, "not a catalogue: nested too deeply, or recursively")
    return CatalogueProblem(file, 1, f"not YAML: {error}")


def _contradictions(catalogue: Catalogue) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What the types can't see: references to nothing, doubles and missing parts, with their place in the file."""
    yield from _unknown_zones(catalogue)
    yield from _missing_systems(catalogue)
    yield from _bad_interfaces(catalogue)
    for index, policy in enumerate(catalogue.system_of_record):
        if policy.system not in catalogue.systems and policy.system != "catalogue":
            yield ("system_of_record", index), f"{policy.system!r} is not one of the systems"
    yield from _bad_policies(catalogue)
    yield from _doubles(catalogue)
    yield from _dangling_codes(catalogue)
    yield from _bad_shares(catalogue)
    yield from _bad_rules(catalogue)
    yield from bad_notifications(catalogue)


def _unknown_zones(catalogue: Catalogue) -> Iterator[tuple[tuple[str | int, ...], str]]:
    named: dict[tuple[str | int, ...], str | None] = {("organisation", "timezone"): catalogue.organisation.timezone}
    named |= {("facilities", number, "timezone"): one.timezone for number, one in enumerate(catalogue.facilities)}
    for place, name in named.items():
        if name is None:
            continue
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield place, f"there is no time zone {name!r}; it is a name of the IANA database, such as America/New_York"


def _missing_systems(catalogue: Catalogue) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for role in NEEDED:
        count = sum(role in system.manifest.roles for system in catalogue.systems.values())
        if count != 1:
            kinds = ", ".join(sorted(kind for kind, one in manifests().items() if role in one.roles))
            yield ("systems",), f"there must be one {role} system (of kind {kinds}), and there are {count}"
    for name in catalogue.systems:
        outbound = [i for i in catalogue.interfaces.values() if i.system == name and i.direction == "out"]
        if len(outbound) != 1:
            yield ("systems", name), f"{name} needs one outbound interface, and has {len(outbound)}"


def _bad_interfaces(catalogue: Catalogue) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for name, interface in catalogue.interfaces.items():
        place = ("interfaces", name)
        if interface.system not in catalogue.systems:
            yield (*place, "system"), f"{interface.system!r} is not one of the systems"
            continue
        yield from _bad_contract(catalogue, name, interface)
        polled = catalogue.is_polled(interface)
        if polled and catalogue.polled() != (name, interface):
            yield (
                (*place, "contract"),
                f"{interface.contract} may be read by one interface only, and {name} is the second",
            )
        if interface.direction == "in" and not polled and not interface.signing_keys:
            yield place, "an inbound interface needs at least one signing key"
        first = next(n for n, i in catalogue.interfaces.items() if i.contract == interface.contract)
        if interface.direction == "in" and not polled and first != name:
            yield (
                (*place, "contract"),
                f"{first} uses the contract {interface.contract} already: two senders may use the same id for"
                " different things, so only one may use it",
            )


def _bad_contract(catalogue: Catalogue, name: str, interface: Interface) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """A contract that the interface's system doesn't speak, or not that way."""
    manifest = catalogue.systems[interface.system].manifest
    ways = {"in": manifest.tells | manifest.polled, "out": manifest.takes}
    other = {"in": "out", "out": "in"}[interface.direction]
    if interface.contract in ways[other]:
        yield ("interfaces", name, "contract"), f"{interface.contract} does not go {interface.direction}"
    elif interface.contract not in ways[interface.direction]:
        known = ", ".join(sorted(ways[interface.direction])) or "none"
        yield (
            ("interfaces", name, "contract"),
            f"{manifest.label} has no contract {interface.contract!r} {interface.direction}; it has: {known}",
        )


def _bad_policies(catalogue: Catalogue) -> Iterator[tuple[tuple[str | int, ...], str]]:
    owned: dict[tuple[str, str], str] = {}
    for index, policy in enumerate(catalogue.system_of_record):
        for field in policy.fields:
            other = owned.setdefault((policy.entity, field), policy.system)
            if other != policy.system:
                yield ("system_of_record", index), f"{policy.entity}.{field} is owned by {other} already"


def _doubles(catalogue: Catalogue) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for section in ("facilities", "products", "services"):
        seen: set[str] = set()
        for index, entry in enumerate(getattr(catalogue, section)):
            if entry.code in seen:
                yield (section, index), f"the code {entry.code!r} appears in {section} twice"
            seen.add(entry.code)


def _dangling_codes(catalogue: Catalogue) -> Iterator[tuple[tuple[str | int, ...], str]]:
    products = {product.code for product in catalogue.products}
    services = {service.code for service in catalogue.services}
    for index, service in enumerate(catalogue.services):
        for component in service.kit:
            if component.product not in products:
                yield (
                    ("services", index),
                    f"the kit of {service.code} names {component.product!r}, which is not a product",
                )
            if not component.quantity.is_finite() or component.quantity <= 0:
                yield ("services", index), f"the kit of {service.code} uses {component.quantity} of {component.product}"
    if "services" not in catalogue.code_tables:
        yield ("code_tables",), "the code table `services` is missing"
        return
    for source, code in catalogue.code_tables["services"].rows.items():
        if code not in services:
            yield ("code_tables", "services", "rows", source), f"{source} maps to {code!r}, which is not a service"


def _bad_shares(catalogue: Catalogue) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if not _is_share(catalogue.compensation.default_share):
        yield ("compensation", "default_share"), "a share is between 0 and 1"
    for index, service in enumerate(catalogue.services):
        if service.compensation is not None and not _is_share(service.compensation):
            yield ("services", index), f"the compensation of {service.code} is not between 0 and 1"


def _bad_rules(catalogue: Catalogue) -> Iterator[tuple[tuple[str | int, ...], str]]:
    seen: set[str] = set()
    for index, rule in enumerate(catalogue.reconciliation.rules or ()):
        place = ("reconciliation", "rules", index)
        if rule.name in seen:
            yield place, f"the rule {rule.name} appears twice"
        seen.add(rule.name)
        if rule.right is None and (rule.by == "totals" or rule.expects != ("once",)):
            yield place, f"the rule {rule.name} compares two sides but has no right side"
        if rule.by == "totals" and rule.expects != ("amount",):
            yield place, f"the rule {rule.name} compares totals: it expects [amount]"


def _is_share(share: Decimal) -> bool:
    return share.is_finite() and 0 <= share <= 1


def _located(tree: Any, file: str, message: str) -> CatalogueProblem:
    """msgspec's message with its ``$.a.b[0]`` path turned into a line."""
    text, _, path = message.partition(" - at `")
    steps: list[str | int] = []
    for name, index, anywhere in _PATH_STEP.findall(path):
        steps.append(_offending_key(tree, steps, text) if anywhere else name or int(index))
    where = ".".join(map(str, steps))
    unknown = _UNKNOWN_FIELD.search(text)
    line = _line(tree, (*steps, unknown[1]) if unknown else tuple(steps))
    text = _said(text, Catalogue, steps)
    return CatalogueProblem(file, line, f"{where}: {text}" if where else text)


def _said(text: str, of: Any, steps: Sequence[str | int]) -> str:
    """msgspec's words; for what is none of a closed list, with what there is."""
    wrong = _NOT_ALLOWED.match(text)
    known = instead(of, steps, wrong[1]) if wrong else ""
    return f"there is no {wrong[1]!r} here; {known}" if wrong and known else text


def _offending_key(tree: Any, steps: list[str | int], text: str) -> str:
    """msgspec doesn't say which entry of a mapping is wrong: the one that fails alike when it stands alone."""
    mapping = tree
    for step in steps:
        mapping = mapping[step]
    for key in mapping:
        alone = _plain(tree)
        parent = alone
        for step in steps[:-1]:
            parent = parent[step]
        parent[steps[-1]] = {key: _plain(mapping[key])}
        try:
            msgspec.convert(_as_now(alone), Catalogue, strict=False)
        except msgspec.ValidationError as error:
            if str(error).startswith(text):
                return str(key)
    return "?"


def _line(tree: Any, path: tuple[str | int, ...]) -> int:
    """The line of a place in the YAML tree, or of the nearest part of it that exists."""
    line = 1
    for step in path:
        try:
            position = tree.lc.item(step) if isinstance(step, int) else tree.lc.key(step)
            line = position[0] + 1
            tree = tree[step]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return line


def _plain(tree: Any) -> Any:
    """ruamel's tree as plain dicts, lists and scalars; numbers stay text-exact through their string form."""
    if isinstance(tree, dict):
        return {str(key): _plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(value) for value in tree]
    if isinstance(tree, float):
        return str(tree)
    return tree
