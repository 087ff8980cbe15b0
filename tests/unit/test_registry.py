"""Which connectors there are: ours, and those of packages that join by an entry point."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from suture.catalogue import parse
from suture.catalogue.load import CatalogueError
from suture.catalogue.registry import ConnectorBroken, first_called, loaded, manifests
from suture.catalogue.write import template

ELSEWHERE = """
import msgspec
from suture.catalogue.manifest import Manifest

class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tenant: str

MANIFEST = Manifest(
    kind="elsewhere",
    label="Elsewhere",
    roles=frozenset({"ledger", "stock"}),
    connect="elsewhere:connect",
    settings=Settings,
    polled=frozenset({"ledger-change.v1"}),
    takes=frozenset({"ledger.v1"}),
)

def connect(to):
    return to.settings.tenant
"""


@pytest.fixture
def forgetful() -> Iterator[None]:
    manifests.cache_clear()
    yield
    manifests.cache_clear()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgetful: None) -> Path:
    """A folder that packages are installed into, with a distribution that has a connector."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "elsewhere", raising=False)
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE)
    install(tmp_path, "elsewhere:MANIFEST")
    return tmp_path


def install(folder: Path, reference: str) -> None:
    facts = folder / "elsewhere-1.0.dist-info"
    facts.mkdir(exist_ok=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[suture.connectors]\nelsewhere = {reference}\n")
    importlib.invalidate_caches()


def with_elsewhere(**more: str) -> str:
    text = template().replace("kind: odoo", "kind: elsewhere").replace("    database: suture\n", "    tenant: t1\n")
    kept = [line for line in text.splitlines() if not line.strip().startswith(("login:", "transport:"))]
    return "\n".join(kept)


def test_a_connector_of_another_package_is_found_and_its_systems_are_checked_by_its_own_settings(
    installed: Path,
) -> None:
    catalogue = parse(with_elsewhere(), "clinic.yaml")
    name, system = catalogue.system_of("ledger")
    assert (system.kind, system.label, system.settings.tenant) == ("elsewhere", "Elsewhere", "t1")
    assert catalogue.label("stock") == "Elsewhere"
    assert loaded(system.manifest.connect)(type("To", (), {"settings": system.settings})) == "t1"
    with pytest.raises(CatalogueError, match=f"systems.{name}: Object contains unknown field `login`"):
        parse(with_elsewhere().replace("    tenant: t1", "    tenant: t1\n    login: me"), "clinic.yaml")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("nowhere:MANIFEST", "the connector elsewhere of the package elsewhere can't be loaded"),
        ("elsewhere:connect", "the connector elsewhere of the package elsewhere is not a connector's manifest"),
    ],
)
def test_a_package_whose_connector_is_broken_is_named(installed: Path, reference: str, said: str) -> None:
    install(installed, reference)
    with pytest.raises(ConnectorBroken, match=said):
        manifests()


def test_a_kind_is_one_connectors(installed: Path) -> None:
    (installed / "elsewhere.py").write_text(ELSEWHERE.replace('kind="elsewhere"', 'kind="odoo"'))
    with pytest.raises(ConnectorBroken, match="has the kind 'odoo', which another connector uses already"):
        manifests()


def test_a_catalogue_of_before_is_read_in_the_words_of_now() -> None:
    before = template().replace("ledger-change.v1", "odoo-change.v1").replace("ledger.v1", "odoo-ledger.v1")
    rule = "[{name: mine, asks: Is it, left: {book: billing.charge}, right: {book: odoo.invoice}}]"
    before = before.replace("  # rules: [] ", f"  rules: {rule} ")
    rules = parse(before, "clinic.yaml").reconciliation.standing
    assert parse(before, "clinic.yaml").interfaces == parse(template(), "clinic.yaml").interfaces
    assert any(rule.right is not None and rule.right.book == "ledger.invoice" for rule in rules)
    assert first_called("ledger.invoice") == "odoo.invoice"
    assert first_called("billing.charge") == "billing.charge"


CONFORMANCE = Path(__file__).parents[1] / "conformance"


@pytest.mark.parametrize("kind", sorted(manifests()))
def test_a_connector_is_as_good_as_it_says(kind: str) -> None:
    """By what its conformance module tries (bronze: it is there; silver: against a real server, too), and by what it
    takes up of others' changes (gold)."""
    manifest = manifests()[kind]
    module = manifest.connect.partition(":")[0].rpartition(".")[0]
    trials = [text for path in CONFORMANCE.glob("test_*.py") if f"from {module}." in (text := path.read_text())]
    assert trials, f"no module in tests/conformance tries {module}"
    if manifest.quality in ("silver", "gold"):
        assert any("real_server()" in text for text in trials)
    if manifest.quality == "gold":
        assert manifest.polled or manifest.tells
    assert callable(loaded(manifest.connect))
