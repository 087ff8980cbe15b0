"""Reading balances back: the trial balance, summed by Odoo, and what is open on receivables."""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from decimal import Decimal

from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.transport.paging import pages
from suture.connectors.port import Balance, OpenItem
from suture.core.money import Money, round_money

_LINE = "account.move.line"


async def balances(session: CompanySession, until: date) -> Sequence[Balance]:
    """Posted movements by account up to and on a day, in the company's currency, by code."""
    setting = await session.setting()
    currency = setting.codes()[setting.company_currency]
    domain = [
        ["company_id", "=", session.odoo.company],
        ["parent_state", "=", "posted"],
        ["date", "<=", until.isoformat()],
    ]
    sums = await session.odoo.sums(_LINE, domain, "account_id", ["debit", "credit"])
    accounts = await session.odoo.read(
        "account.account", [account for account, _ in sums], ["code", "name", "account_type"]
    )
    found = (
        Balance(
            account=str(accounts[account]["code"]),
            name=accounts[account]["name"],
            is_receivable=accounts[account]["account_type"] == "asset_receivable",
            debit=_money(of["debit"], currency),
            credit=_money(of["credit"], currency),
        )
        for account, of in sums
    )
    return sorted(found, key=lambda balance: balance.account)


async def open_items(session: CompanySession) -> AsyncIterator[OpenItem]:
    """Every receivable line of which something is open, by partner's reference."""
    codes = (await session.setting()).codes()
    domain = [
        ["company_id", "=", session.odoo.company],
        ["parent_state", "=", "posted"],
        ["account_type", "=", "asset_receivable"],
        ["reconciled", "=", False],
    ]
    fields = ["move_id", "partner_id", "amount_residual_currency", "currency_id"]
    async for page in pages(session.odoo, _LINE, domain, fields):
        moves = await session.odoo.read("account.move", sorted({row["move_id"] for row in page}), ["ref", "name"])
        partners = await session.odoo.read(
            "res.partner", sorted({row["partner_id"] for row in page} - {False}), ["ref"]
        )
        for row in page:
            residual = _money(row["amount_residual_currency"], codes[row["currency_id"]])
            if residual:
                yield OpenItem(
                    reference=moves[row["move_id"]]["ref"] or "",
                    number=moves[row["move_id"]]["name"],
                    partner=partners.get(row["partner_id"], {}).get("ref") or "",
                    residual=residual,
                )


def _money(amount: float, currency: str) -> Money:
    return Money(round_money(Decimal(str(amount)), currency), currency)
