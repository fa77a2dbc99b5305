"""Every example that section 2.1 lists stands in the demo hospital's file, by the type that the section gives it."""

from __future__ import annotations

import re

import yaml

from almoner.shell.simulation.hospitals import demo_file
from tests.docs.tables import read_rows

ROWS = read_rows(
    "explanation/ward-charges.md", "Every example of section 2.1", ("type", "example", "in the file")
)
DEMO = yaml.safe_load(demo_file())
# Section 2.1, one by one.
SECTION_2_1 = {
    "one_time": ["Admission Fee", "Discharge Processing", "Room Setup", "Special Equipment Installation"],
    "daily": ["Room Charge", "Nursing Care", "Meals", "Utilities", "Medical Equipment Rental"],
    "hourly": ["ICU Monitoring", "Ventilator Usage", "Specialized Nursing", "Emergency Care"],
    "percentage": [
        "Service Charge (% of total bill)",
        "Insurance Deductible (% of covered amount)",
        "Late Payment Penalty (% of outstanding)",
    ],
    "quantity_based": [
        "Meals Consumed",
        "Procedures Performed",
        "Medications Administered",
        "Diagnostic Tests",
    ],
    "event_triggered": [
        "Emergency Response",
        "Code Blue Response",
        "Transfer Between Wards",
        "Visitor Accommodation",
    ],
}


def charges() -> dict[str, tuple[str, str]]:
    """What the demo hospital charges: by code, the type and the name."""
    found = {one["code"]: (one["billing_type"], one["name"]) for one in DEMO["charge_definitions"]}
    for ward, block in DEMO["wards"].items():
        for one in block.get("charges", ()):
            found[f"{ward}.{one['code']}"] = (one["billing_type"], one["name"])
    return found


def test_the_table_has_every_example_once_in_the_order_of_the_section() -> None:
    listed = [(kind, name) for kind, names in SECTION_2_1.items() for name in names]
    assert [(row["type"], row["example"]) for row in ROWS] == listed
    assert DEMO["Ward Billing Types"] == SECTION_2_1


def test_every_example_is_charged_by_its_type_and_under_its_name() -> None:
    known = charges()
    charged = 0
    for row in ROWS:
        name = row["example"].partition(" (")[0]
        for code in re.findall(r"[a-z_.]+(?=,|$)", row["in the file"].replace("`", "")):
            if name == "Insurance Deductible":
                continue
            kind, called = known[code]
            assert (kind, name in called) == (row["type"], True), (code, called)
            charged += 1
    assert charged == len(ROWS)
