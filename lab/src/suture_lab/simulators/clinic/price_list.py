"""What the made-up clinic offers: services with prices and kits, articles, payers and facilities.

Codes are the clinic's own (procedure terminologies are licensed); names are a bill's and tell nothing clinical.
"""

from decimal import Decimal

from suture_lab.simulators.clinic.day import ClinicFacility, ClinicPayer, ClinicProduct, ClinicService, KitPart

CODE_SYSTEM = "https://clinic.example/fhir/CodeSystem/service"

FACILITIES = (
    ClinicFacility(code="MAIN", name="Riverside Main Clinic"),
    ClinicFacility(code="NORTH", name="Riverside North"),
    ClinicFacility(code="SOUTH", name="Riverside South"),
)

PAYERS = (
    ClinicPayer(id="PAY-ALPINE", name="Alpine Health Plan"),
    ClinicPayer(id="PAY-BEACON", name="Beacon Mutual"),
    ClinicPayer(id="PAY-CEDAR", name="Cedar Insurance"),
    ClinicPayer(id="PAY-DELTA", name="Delta Public Fund"),
    ClinicPayer(id="PAY-EVERGREEN", name="Evergreen Care"),
)

PRODUCTS = (
    ClinicProduct(code="GLOVES", name="Examination gloves, pair"),
    ClinicProduct(code="DRAPE", name="Paper drape"),
    ClinicProduct(code="SYRINGE-5", name="Syringe 5 ml"),
    ClinicProduct(code="NEEDLE-21", name="Needle 21 G"),
    ClinicProduct(code="TUBE", name="Sample tube"),
    ClinicProduct(code="DRESSING", name="Sterile dressing"),
    ClinicProduct(code="SET-MINOR", name="Sterile set, small"),
    ClinicProduct(code="GEL", name="Contact gel, sachet"),
)


def _service(code: str, name: str, price: str, share: str | None = None, **kit: int) -> ClinicService:
    parts = tuple(
        KitPart(product=product.replace("_", "-"), quantity=Decimal(quantity)) for product, quantity in kit.items()
    )
    percent = None if share is None else Decimal(share)
    return ClinicService(code_system=CODE_SYSTEM, code=code, name=name, price=Decimal(price), kit=parts, share=percent)


#: A visit always has one of these ...
CONSULTATIONS = (
    _service("S1010", "Consultation, 15 minutes", "85.00", "40"),
    _service("S1020", "Consultation, 30 minutes", "140.00", "40"),
    _service("S1030", "Consultation, 45 minutes", "195.50", "40"),
    _service("S1110", "Follow-up visit", "65.00", "35"),
    _service("S1210", "Annual visit", "220.00", "35", GLOVES=1, DRAPE=1),
)
#: ... and often some of these.
FURTHER_SERVICES = (
    _service("S2010", "Sample collection", "24.75", "10", GLOVES=1, SYRINGE_5=1, NEEDLE_21=1, TUBE=2),
    _service("S2020", "Laboratory panel, standard", "58.40"),
    _service("S2030", "Laboratory panel, extended", "131.15"),
    _service("S3010", "Injection service", "32.90", "15", GLOVES=1, SYRINGE_5=1, NEEDLE_21=1),
    _service("S3020", "Small procedure", "260.00", "45", GLOVES=2, DRAPE=1, SET_MINOR=1, DRESSING=2),
    _service("S3030", "Dressing change", "41.30", "20", GLOVES=1, DRESSING=1),
    _service("S4010", "Imaging, standard", "112.00", "25", GEL=1, DRAPE=1),
    _service("S4020", "Imaging, extended", "348.65", "25", GEL=2, DRAPE=1),
    _service("S5010", "Written report", "37.50", "50"),
)
SERVICES = CONSULTATIONS + FURTHER_SERVICES
