"""Which connectors there are: those in this distribution, and those of other packages that join by an entry point."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from suture.catalogue.manifest import Manifest

GROUP = "suture.connectors"


class ConnectorBroken(Exception):
    """A package's connector can't be used. The text says which, and why."""


@cache
def manifests() -> Mapping[str, Manifest]:
    """Every connector's manifest by its kind. Raises `ConnectorBroken`."""
    found: dict[str, Manifest] = {}
    for place, manifest in (*_own(), *_joined()):
        if not isinstance(manifest, Manifest):
            raise ConnectorBroken(f"{place} is not a connector's manifest")
        if manifest.kind in found:
            raise ConnectorBroken(f"{place} has the kind {manifest.kind!r}, which another connector uses already")
        found[manifest.kind] = manifest
    return MappingProxyType(found)


def first_called(word: str) -> str:
    """The word under which something was first published. What is hashed and kept goes by that."""
    before = {new: old for manifest in manifests().values() for old, new in manifest.formerly.items()}
    return before.get(word, word)


def loaded(reference: str) -> Any:
    """What a ``module:name`` stands for."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def _own() -> Iterator[tuple[str, object]]:
    package = importlib.import_module(GROUP)
    for folder in pkgutil.iter_modules(package.__path__, f"{GROUP}."):
        if folder.ispkg and _has_manifest(folder.name):
            yield folder.name, importlib.import_module(f"{folder.name}.manifest").MANIFEST


def _has_manifest(package: str) -> bool:
    return importlib.util.find_spec(f"{package}.manifest") is not None


def _joined() -> Iterator[tuple[str, object]]:
    for point in entry_points(group=GROUP):
        place = f"the connector {point.name} of the package {point.dist.name if point.dist else '?'}"
        try:
            yield place, point.load()
        except Exception as error:
            raise ConnectorBroken(f"{place} can't be loaded ({type(error).__name__}: {error})") from error
