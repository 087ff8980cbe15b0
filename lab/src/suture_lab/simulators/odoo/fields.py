"""What a field is, and short ways to write down many of them."""

from typing import Any

import msgspec


class Field(msgspec.Struct, frozen=True):
    """A field. `comodel` and `inverse` for relations, `path` for what is read from a related record.

    `by_company` keeps a value for each company, `computed` is a method ``compute_<name>`` of the model's class. What is
    not `searched` is computed and can't be a condition.
    """

    kind: str
    label: str = ""
    comodel: str = ""
    inverse: str = ""
    path: str = ""
    only: tuple[str, Any] | None = None
    choices: tuple[str, ...] = ()
    by_company: bool = False
    computed: bool = False
    searched: bool = True


Fields = dict[str, Field]
Models = dict[str, Fields]


def one(comodel: str, *, by_company: bool = False, computed: bool = False) -> Field:
    return Field("many2one", comodel=comodel, by_company=by_company, computed=computed)


def lines(comodel: str, inverse: str, only: tuple[str, Any] | None = None) -> Field:
    return Field("one2many", comodel=comodel, inverse=inverse, only=only)


def many(comodel: str) -> Field:
    return Field("many2many", comodel=comodel)


def through(path: str, kind: str = "char", comodel: str = "") -> Field:
    """What is read from a related record."""
    return Field(kind, comodel=comodel, path=path)


def computed(kind: str, *names: str, searched: bool = True) -> Fields:
    return {name: Field(kind, computed=True, searched=searched) for name in names}


def plain(kind: str, *names: str) -> Fields:
    return {name: Field(kind) for name in names}
