"""Writes catalogues: the commented template, with sections replaced where they are known."""

from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML

_TEMPLATE = Path(__file__).with_name("template.yaml")


def template() -> str:
    """The commented catalogue that `suture init` writes."""
    return _TEMPLATE.read_text(encoding="utf-8")


def tailored(sections: dict[str, Any]) -> str:
    """The template with `sections` merged in: mappings by key, anything else replaced. Comments stay, the code
    tables' example rows go."""
    yaml = YAML(typ="rt")
    yaml.width = 120
    tree = yaml.load(template())
    for table in tree["code_tables"].values():
        table["rows"].clear()
    _merge(tree, msgspec.to_builtins(sections))
    out = StringIO()
    yaml.dump(tree, out)
    return out.getvalue()


def _merge(tree: Any, sections: dict[str, Any]) -> None:
    for name, value in sections.items():
        if isinstance(value, dict) and isinstance(tree.get(name), dict):
            _merge(tree[name], value)
        else:
            tree[name] = value
