"""Tables as files: CSV as a spreadsheet reads it, and XLSX. No cell is ever a formula: what was typed by a sender or a
person stands there as text."""

import csv
import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from suture.views.exports import Cell, ExportTable

CSV, ZIP, XLSX = "text/csv; charset=utf-8", "application/zip", (
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_LONGEST_CELL = 32_767
_WIDEST = 60


def as_csv(tables: Sequence[ExportTable], zone: ZoneInfo) -> tuple[bytes, str]:
    """The file, and its media type: one table as it is, several in an archive."""
    if len(tables) == 1:
        return _csv(tables[0], zone), CSV
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in tables:
            archive.writestr(f"{table.name.lower().replace(' ', '-')}.csv", _csv(table, zone))
    return packed.getvalue(), ZIP


def as_xlsx(tables: Sequence[ExportTable], zone: ZoneInfo) -> tuple[bytes, str]:
    """The file, a sheet a table, and its media type."""
    written = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(written, options) as book:
        styles = _Styles(
            head=book.add_format({"bold": True, "bottom": 1}),
            moment=book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            day=book.add_format({"num_format": "yyyy-mm-dd"}),
            amounts=[
                book.add_format({"num_format": "#,##0" + ("." + "0" * digits if digits else "")}) for digits in range(7)
            ],
        )
        for table in tables:
            _sheet(book.add_worksheet(table.name), table, zone, styles)
    return written.getvalue(), XLSX


class _Styles:
    def __init__(self, *, head: Format, moment: Format, day: Format, amounts: list[Format]) -> None:
        self.head, self.moment, self.day, self.amounts = head, moment, day, amounts


def _csv(table: ExportTable, zone: ZoneInfo) -> bytes:
    """With a mark by which spreadsheets know that it is UTF-8."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(table.columns)
    writer.writerows([_text(cell, zone) for cell in row] for row in table.rows)
    return written.getvalue().encode("utf-8-sig")


def _text(cell: Cell, zone: ZoneInfo) -> str:
    match cell:
        case None:
            return ""
        case datetime():
            return cell.astimezone(zone).isoformat(timespec="seconds")
        case date():
            return cell.isoformat()
        case Decimal():
            return f"{cell:f}"
        case str():
            return f"'{cell}" if cell.startswith(_FORMULA) else cell
    return str(cell)


def _sheet(sheet: Worksheet, table: ExportTable, zone: ZoneInfo, styles: _Styles) -> None:
    for column, name in enumerate(table.columns):
        timed = any(isinstance(row[column], datetime) for row in table.rows)
        sheet.write_string(0, column, f"{name} ({zone.key})" if timed else name, styles.head)
    for number, row in enumerate(table.rows, start=1):
        for column, cell in enumerate(row):
            _cell(sheet, (number, column), cell, zone, styles)
    sheet.freeze_panes(1, 0)
    if table.rows:
        sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
    sheet.autofit(_WIDEST * 7)


def _cell(sheet: Worksheet, at: tuple[int, int], cell: Cell, zone: ZoneInfo, styles: _Styles) -> None:
    match cell:
        case None | "":
            return
        case datetime():
            sheet.write_datetime(*at, cell.astimezone(zone).replace(tzinfo=None), styles.moment)
        case date():
            sheet.write_datetime(*at, cell, styles.day)
        case Decimal():
            digits = cell.as_tuple().exponent
            sheet.write_number(*at, cell, styles.amounts[min(max(-int(digits), 0), 6)])
        case int():
            sheet.write_number(*at, cell)
        case _:
            sheet.write_string(*at, cell[:_LONGEST_CELL])
