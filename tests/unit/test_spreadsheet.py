"""Tables as files: numbers stay numbers, times have a zone, and nothing that somebody typed is a formula."""

import csv
import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from xml.etree import ElementTree as Xml
from zoneinfo import ZoneInfo

import pytest

from suture.console.spreadsheet import as_csv, as_xlsx
from suture.views.exports import ExportTable

ZONE = ZoneInfo("America/New_York")
_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"

TYPED = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    '=HYPERLINK("http://x")',
    "http://x",
    "007",
    "é",
]


def table(*rows: tuple[object, ...]) -> ExportTable:
    return ExportTable(name="A table", columns=tuple(f"c{n}" for n in range(len(rows[0]))), rows=rows)  # type: ignore[arg-type]


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def read_xlsx(content: bytes) -> list[list[tuple[str, str]]]:
    """The first sheet's cells: what each is (``s``: text, ``n``: a number, ``f``: a formula), and its content."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        texts = ["".join(one.itertext()) for one in Xml.fromstring(book.read("xl/sharedStrings.xml"))]
        sheet = Xml.fromstring(book.read("xl/worksheets/sheet1.xml"))
    rows = []
    for row in sheet.iter(f"{_SHEET}row"):
        cells = []
        for cell in row.iter(f"{_SHEET}c"):
            kind = "f" if cell.find(f"{_SHEET}f") is not None else cell.get("t", "n")
            value = cell.findtext(f"{_SHEET}v", "")
            cells.append((kind, texts[int(value)] if kind == "s" else value))
        rows.append(cells)
    return rows


@pytest.mark.parametrize("typed", TYPED)
def test_what_was_typed_is_text_and_no_formula(typed: str) -> None:
    content, _ = as_xlsx([table((typed,))], ZONE)
    assert read_xlsx(content)[1][0][0] == "s"
    (cell,) = read_csv(as_csv([table((typed,))], ZONE)[0])[1]
    assert cell.lstrip("'") == typed
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))


def test_amounts_are_numbers_and_times_have_a_zone() -> None:
    at = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
    rows = table((Decimal("-1234.50"), 7, date(2026, 3, 2), at, None))
    assert read_csv(as_csv([rows], ZONE)[0])[1] == ["-1234.50", "7", "2026-03-02", "2026-03-02T10:00:00-05:00", ""]
    head, first = read_xlsx(as_xlsx([rows], ZONE)[0])
    assert [kind for kind, _ in first] == ["n", "n", "n", "n"]
    assert Decimal(first[0][1]) == Decimal("-1234.5")
    assert head[3] == ("s", "c3 (America/New_York)")
    assert float(first[3][1]) % 1 == pytest.approx(10 / 24)


def test_several_tables_are_several_sheets_or_an_archive_of_files() -> None:
    content, kind = as_csv([table(("a",)), ExportTable(name="Other", columns=("x",), rows=[])], ZONE)
    assert kind == "application/zip"
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["a-table.csv", "other.csv"]
    book = zipfile.ZipFile(
        io.BytesIO(as_xlsx([table(("a",)), ExportTable(name="Other", columns=("x",), rows=[])], ZONE)[0])
    )
    assert {"xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"} <= set(book.namelist())
