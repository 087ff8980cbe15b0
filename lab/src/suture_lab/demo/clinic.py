"""The demo's clinic: a made-up day or others' records."""

from collections.abc import Sequence
from datetime import date

from suture.cli.trouble import UserError
from suture_lab.demo.options import DemoOptions
from suture_lab.simulators.clinic.day import ClinicDay
from suture_lab.simulators.clinic.generate import generate
from suture_lab.simulators.clinic.synthea.load import load


def clinic_day(options: DemoOptions, today: date) -> tuple[ClinicDay, Sequence[object]]:
    """The day, and what of the data could not be used (each prints its place and reason)."""
    if options.data is None:
        return generate(seed=options.stage.seed, appointments=options.appointments, day=today), ()
    loaded = load(options.data, day=today, limit=options.appointments or None)
    if not loaded.day.appointments:
        raise UserError(
            f"{options.data} holds no encounters that can be used ({len(loaded.skipped)} records were skipped); "
            "it should hold FHIR R4 bundles or ndjson files as Synthea writes them"
        )
    return loaded.day, loaded.skipped
