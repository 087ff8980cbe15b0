"""The catalogue: what is wrong with it is said by file and line, all at once where that is possible."""

from decimal import Decimal
from pathlib import Path

import pytest

from suture.catalogue import Catalogue, CatalogueError, load, parse
from suture.catalogue.model import Retry, ServiceIndex
from suture.catalogue.write import tailored, template


def problems(text: str) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        parse(text, "catalogue.yaml")
    return [str(problem) for problem in caught.value.problems]


def line_of(text: str) -> int:
    """The line of the template on which a text stands first."""
    return template()[: template().index(text)].count("\n") + 1


def test_the_template_is_a_valid_catalogue(catalogue: Catalogue) -> None:
    assert catalogue.organisation.id == "harbour-clinics"
    assert catalogue.interfaces["billing-api"].retry == Retry(attempts=12, first=0.5, longest=60)
    assert catalogue.compensation.default_share == Decimal("0.3")
    assert catalogue.outbound("odoo").contract == "ledger.v1"


SHAPE = [
    ("  currency: USD", "  currancy: USD", "organisation: Object contains unknown field `currancy`"),
    ("  name: Harbour Clinics\n", "", "organisation: Object missing required field `name`"),
    ("version: 1", "version: 2", "version: there is no '2' here; allowed: 1"),
    (
        "direction: in",
        "direction: up",
        "interfaces.scheduling-appointments.direction: there is no 'up' here; allowed: in, out",
    ),
    (
        "four_eyes: []",
        "four_eyes: [period.sing]",
        "four_eyes.0: there is no 'period.sing' here; did you mean: period.sign",
    ),
    (
        "four_eyes: []",
        "four_eyes: [nonsense.act]",
        "four_eyes.0: there is no 'nonsense.act' here; allowed: client.add, client.key",
    ),
    (
        "transport: auto",
        "transport: pigeon",
        "systems.odoo.transport: there is no 'pigeon' here; allowed: auto, json2, jsonrpc",
    ),
    (
        "kind: odoo",
        "kind: sap",
        "systems.odoo.kind: there is no connector of kind 'sap'; there are: fhir-scheduling, odoo, rest-billing",
    ),
    ("concurrency: 16", "concurrency: 0", "systems.billing.concurrency: Expected `int` >= 1"),
    ("url: http://127.0.0.1:9102", "url: nowhere", "systems.billing.url: Expected `str` matching regex"),
    ("first: 0.5", "first: -1", "interfaces.billing-api.retry.first: Expected `float` > 0.0"),
    ("default_share: 0.30", "default_share: a third", "compensation.default_share: Invalid decimal string"),
    ("- code: GLOVES", "- code: no spaces please", "products.0.code: Expected `str` matching regex"),
]
MEANING = [
    ("timezone: America/New_York", "timezone: Mars/Olympus", "there is no time zone 'Mars/Olympus'"),
    ("system: billing\n    direction: in", "system: bank\n    direction: in", "'bank' is not one of the systems"),
    ("contract: billing-payment.v1", "contract: rest-billing.v1", "rest-billing.v1 does not go in"),
    (
        "contract: billing-payment.v1",
        "contract: ledger.v1",
        "the billing platform has no contract 'ledger.v1' in; it has: billing-payment.v1",
    ),
    ("{product: GLOVES, quantity: 1}", "{product: MASKS, quantity: 1}", "names 'MASKS', which is not a product"),
    ("{product: GLOVES, quantity: 1}", "{product: GLOVES, quantity: -1}", "uses -1 of GLOVES"),
    ("{product: GLOVES, quantity: 1}", "{product: GLOVES, quantity: .nan}", "uses NaN of GLOVES"),
    ('"urn:harbour:services|OV-EST": OV-EST', '"x|y": OV-NEW', "x|y maps to 'OV-NEW', which is not a service"),
    ("default_share: 0.30", "default_share: 1.2", "a share is between 0 and 1"),
    ("default_share: 0.30", "default_share: .nan", "a share is between 0 and 1"),
    ("system: odoo}", "system: sap}", "'sap' is not one of the systems"),
    (
        "kind: fhir-scheduling",
        "kind: rest-billing",
        "there must be one scheduling system (of kind fhir-scheduling), and there are 0",
    ),
    ("database: suture", "company: suture", "systems.odoo: Object missing required field `database`"),
    (
        "contract: billing-payment.v1",
        "contract: fhir-appointment.v1",
        "scheduling-appointments uses the contract fhir-appointment.v1 already",
    ),
    ("[SUTURE_BILLING_SIGNING_KEY]", "[]", "an inbound interface needs at least one signing key"),
]


@pytest.mark.parametrize(("right", "wrong", "message"), SHAPE)
def test_a_wrong_shape_is_said_with_its_line(right: str, wrong: str, message: str) -> None:
    (problem,) = problems(template().replace(right, wrong, 1))
    assert message in problem
    line = int(problem.split(":")[1])
    assert line in {line_of(right), *_parent_lines(right)}


def _parent_lines(text: str) -> list[int]:
    """Where something is missing, the line of what should hold it."""
    return [line_of("organisation:\n")] if text.endswith("\n") else []


@pytest.mark.parametrize(("right", "wrong", "message"), MEANING)
def test_a_contradiction_is_said_with_a_line_of_its_section(right: str, wrong: str, message: str) -> None:
    assert template().count(right) >= 1
    found = problems(template().replace(right, wrong, 1))
    (problem,) = [text for text in found if message in text]
    file, line, _ = problem.split(":", 2)
    assert file == "catalogue.yaml"
    assert 1 < int(line) <= template().count("\n")


def test_contradictions_are_said_together_in_the_order_of_the_file() -> None:
    found = problems(
        template()
        .replace("timezone: America/New_York", "timezone: Mars/Olympus")
        .replace("default_share: 0.30", "default_share: 2")
    )
    assert [int(problem.split(":")[1]) for problem in found] == [
        line_of("timezone: America/New_York"),
        line_of("default_share: 0.30"),
    ]


@pytest.mark.parametrize(
    ("section", "entry"),
    [
        ("facilities", "  - code: MAIN\n    name: Harbour Main Clinic\n"),
        ("products", "  - code: GLOVES\n    name: Examination gloves, pair\n"),
    ],
)
def test_a_code_stands_once_in_a_section(section: str, entry: str) -> None:
    (problem,) = problems(template().replace(entry, entry * 2, 1))
    assert f"appears in {section} twice" in problem
    assert int(problem.split(":")[1]) == line_of(entry) + 2


def test_a_field_has_one_system_of_record() -> None:
    rule = "  - {entity: service, fields: [price], system: billing}\n"
    (problem,) = problems(template().replace(rule, rule + rule.replace("billing", "odoo"), 1))
    assert problem == f"catalogue.yaml:{line_of(rule) + 1}: service.price is owned by billing already"


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", "c.yaml:1: Expected `object`, got `null`"),
        ("a: 1\nb: [", "c.yaml:2: not YAML"),
        ("a: 1\na: 2", "c.yaml:2: not YAML: found duplicate key"),
        ("a: 1\nb: \x00", "c.yaml:2: not YAML: a character"),
        ("&a [*a]", "c.yaml:1: not a catalogue: nested"),
        ("[" * 1000, "c.yaml:1: not a catalogue: nested"),
        ("a: 2001-99-99", "c.yaml:1: not YAML"),
    ],
)
def test_what_is_no_yaml_is_said_with_its_line(text: str, start: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        parse(text, "c.yaml")
    assert str(caught.value).startswith(start)


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "the file does not exist"), (b"\xff", "can't be read: not UTF-8")]
)
def test_a_file_that_can_not_be_read_is_a_problem_of_its_first_line(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "catalogue.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CatalogueError, match=reason):
        load(path)


def test_sections_can_be_tailored_and_comments_stay() -> None:
    text = tailored(
        {"organisation": {"name": "Lake Clinics"}, "code_tables": {"services": {"rows": {"a|b": "OV-EST"}}}}
    )
    catalogue = parse(text, "catalogue.yaml")
    assert catalogue.organisation.name == "Lake Clinics"
    assert catalogue.organisation.currency == "USD"
    assert catalogue.code_tables["services"].rows == {"a|b": "OV-EST"}
    assert "# Places of care" in text


@pytest.mark.parametrize(
    ("attempt", "jitter", "seconds"),
    [(1, 0.0, 0.25), (2, 0.0, 0.5), (3, 0.0, 1.0), (1, 1.0, 0.5), (50, 0.0, 30.0), (100_000, 1.0, 60.0)],
)
def test_retries_wait_twice_as_long_each_time_up_to_the_longest(attempt: int, jitter: float, seconds: float) -> None:
    assert Retry(attempts=10, first=0.5, longest=60).wait(attempt, jitter).total_seconds() == seconds


def test_a_service_has_its_own_share_or_the_default() -> None:
    own = template().replace("    kit:\n", '    compensation: "0"\n    kit:\n', 1)
    assert ServiceIndex(parse(own, "c.yaml")).share("OV-EST") == 0
    assert ServiceIndex(parse(template(), "c.yaml")).share("OV-EST") == Decimal("0.3")
