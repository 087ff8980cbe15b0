"""Reading people's records: each read is an act, and stands in the audit trail."""

from suture.acting.actor import Actor
from suture.acting.context import CommandContext
from suture.canonical.records import Patient
from suture.store.parties import Parties


async def find(context: CommandContext, actor: Actor, system: str, value: str) -> list[Patient]:
    """The patients whom a source calls so."""
    parties = Parties(context.database, context.vault)
    found = [await read(context, actor, reference) for reference in await parties.find(system, value)]
    return [patient for patient in found if patient is not None]


async def read(context: CommandContext, actor: Actor, reference: str) -> Patient | None:
    """A patient's record; None where nobody told of it."""
    patient = await Parties(context.database, context.vault).get(reference)
    if not isinstance(patient, Patient):
        return None
    async with context.database.transaction() as connection:
        await actor.sign(connection, context, "patient.read", reference)
    return patient
