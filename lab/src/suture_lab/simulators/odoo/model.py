"""What every model may be asked from outside: create, read, search, write, delete, and import."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from suture_lab.simulators.odoo import access, grouping, reading
from suture_lab.simulators.odoo.errors import MissingError
from suture_lab.simulators.odoo.importing import Importer
from suture_lab.simulators.odoo.integrity import check_unused
from suture_lab.simulators.odoo.records import Records
from suture_lab.simulators.odoo.store import Row

Method = TypeVar("Method", bound=Callable[..., Any])

_NOTED = frozenset({"account.move", "res.partner"})


def of_model(method: Method) -> Method:
    """A public method that takes no records."""
    method.__dict__["public"] = "model"
    return method


def of_records(method: Method) -> Method:
    """A public method whose first argument is the records' ids."""
    method.__dict__["public"] = "records"
    return method


def since(version: int) -> Callable[[Method], Method]:
    """A public method that earlier versions don't have."""

    def mark(method: Method) -> Method:
        method.__dict__["since"] = version
        return method

    return mark


class Model(Records):
    """The public methods. Their names and arguments are Odoo's."""

    @since(18)
    @of_records
    def has_access(self, ids: Sequence[int], operation: str) -> bool:
        return access.may(self, operation)

    @of_model
    def check_access_rights(self, operation: str, raise_exception: bool = True) -> bool:
        if raise_exception:
            access.check(self, operation)
        return access.may(self, operation)

    @of_model
    def search(
        self, domain: Sequence[Any], offset: int = 0, limit: int | None = None, order: str | None = None
    ) -> list[int]:
        return [row["id"] for row in self.found(domain, offset, limit, order)]

    @of_model
    def search_count(self, domain: Sequence[Any], limit: int | None = None) -> int:
        return len(self.found(domain, 0, limit, "id"))

    @of_model
    def search_read(  # noqa: PLR0917 (its callers pass these in Odoo's order)
        self,
        domain: Sequence[Any] = (),
        fields: Sequence[str] | None = None,
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
        load: str = "_classic_read",
    ) -> list[Row]:
        return reading.answer(self, self.found(domain, offset, limit, order), fields, load)

    @of_records
    def read(self, ids: Sequence[int], fields: Sequence[str] | None = None, load: str = "_classic_read") -> list[Row]:
        access.check(self, "read")
        rows = self.db.rows(self.model)
        found = [rows[identifier] for identifier in ids if identifier in rows]
        access.check_visible(self, found, "read")
        return reading.answer(self, found, fields, load)

    @of_records
    def exists(self, ids: Sequence[int]) -> list[int]:
        """Since 18 not to be called from outside (`Server.method_kind`)."""
        return [identifier for identifier in ids if identifier in self.db.rows(self.model)]

    @of_records
    def get_external_id(self, ids: Sequence[int]) -> dict[str, str]:
        names, rows = self.db.store.external_of, self.db.rows(self.model)
        shown = (i for i in ids if i in rows and self.env.visible(self.model, rows[i]))
        known = {i: names.get((self.model, i)) for i in shown}
        return {str(i): (known.get(i) or [""])[0] for i in ids}

    @of_records
    def get_metadata(self, ids: Sequence[int]) -> list[Row]:
        return reading.metadata(self, self.existing(ids, "read"))

    @of_model
    def fields_get(
        self, allfields: Sequence[str] | None = None, attributes: Sequence[str] | None = None
    ) -> dict[str, Row]:
        return reading.describe(self, allfields, attributes)

    @of_model
    def read_group(  # noqa: PLR0917 (its callers pass these in Odoo's order)
        self,
        domain: Sequence[Any],
        fields: Sequence[str],
        groupby: Sequence[str] | str,
        offset: int = 0,
        limit: int | None = None,
        orderby: str | bool = False,
        lazy: bool = True,
    ) -> list[Row]:
        by = [groupby] if isinstance(groupby, str) else list(groupby)
        order = orderby if isinstance(orderby, str) else ""
        groups = grouping.read_group(self, domain, fields, by, orderby=order, lazy=lazy)
        return groups[offset : None if limit is None else offset + limit]

    @since(19)
    @of_model
    def formatted_read_group(  # noqa: PLR0917 (its callers pass these in Odoo's order)
        self,
        domain: Sequence[Any],
        groupby: Sequence[str] = (),
        aggregates: Sequence[str] = (),
        having: Sequence[Any] = (),
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
    ) -> list[Row]:
        groups = grouping.formatted_read_group(self, domain, groupby, aggregates, order=order or "")
        kept = [group for group in groups if grouping.passes(group, having)]
        return kept[offset : None if limit is None else offset + limit]

    @of_model
    def create(self, vals_list: Any) -> Any:
        access.check(self, "create")
        many = isinstance(vals_list, list)
        ids = [self.insert(vals) for vals in (vals_list if many else [vals_list])]
        self.env.flush()
        return ids if many else ids[0]

    @of_records
    def write(self, ids: Sequence[int], vals: Row) -> bool:
        for row in self.existing(ids, "write"):
            self.update(row, vals)
        self.env.flush()
        return True

    @of_records
    def action_archive(self, ids: Sequence[int]) -> None:
        self.write(ids, {"active": False})

    @of_records
    def action_unarchive(self, ids: Sequence[int]) -> None:
        self.write(ids, {"active": True})

    @of_records
    def unlink(self, ids: Sequence[int]) -> bool:
        rows = self.existing(ids, "unlink")
        for row in rows:
            check_unused(self, row)
        for row in rows:
            self._note_deletion(row)
            self.delete(row)
        self.env.flush()
        return True

    def _note_deletion(self, row: Row) -> None:
        """Suture's own module notes it in the call that does it."""
        if self.db.connects and self.model in _NOTED:
            noted = {"model": self.model, "res_id": row["id"], "what": "unlink", "at": self.env.stamp}
            self.env.model("suture.outbox").insert(noted)

    @of_model
    def load(self, fields: Sequence[str], data: Sequence[Sequence[Any]]) -> Row:
        return Importer(self).load(fields, data)

    def found(self, domain: Sequence[Any], offset: int, limit: int | None, order: str | None) -> list[Row]:
        access.check(self, "read")
        return reading.find(self, domain, offset, limit, order)

    def existing(self, ids: Sequence[int], operation: str = "write") -> list[Row]:
        """The records, for an operation. Raises `AccessError`, and `MissingError` for one that isn't there."""
        access.check(self, operation)
        rows = self.db.rows(self.model)
        gone = [identifier for identifier in ids if identifier not in rows]
        if gone:
            who = f"(Record: {self.model}({gone[0]},), User: {self.env.user})"
            raise MissingError(f"Record does not exist or has been deleted.\n{who}")
        found = [rows[identifier] for identifier in ids]
        access.check_visible(self, found, operation)
        return found
