"""Who documents name: written as their source has them, unless a person changed them in the ledger."""

import msgspec

from suture.connectors.port import Ledger, LedgerPartner, Role
from suture_lab.conformance.orders import PAYER, an_invoice


class PartyConformance:
    """Contacts of every role."""

    async def test_registers_everyone_once(self, ledger: Ledger, key: str) -> None:
        roles: tuple[Role, ...] = ("patient", "payer", "guarantor", "practitioner", "supplier")
        for role in roles:
            person = LedgerPartner(reference=f"{role}/{key}", name=f"{role} of {key}", is_company=False, role=role)
            first = await ledger.register(person)
            assert first.partner
            assert first.discrepancy is None
            assert (await ledger.register(person)).partner == first.partner

    async def test_another_worker_finds_the_same_contact(self, ledger: Ledger, key: str) -> None:
        person = an_invoice(key).partner
        first = await ledger.register(person)
        moved = msgspec.structs.replace(person, city="Birch")
        assert (await ledger.register(moved)).partner == first.partner
        assert (await ledger.register(PAYER)).partner != first.partner
