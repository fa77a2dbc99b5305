"""What the pages point at is there: files, dotted names, tables of the database, events, service points."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils.module_loading import import_string
from markdown_it import MarkdownIt

from almoner.charging.models import ChargeRule
from almoner.kernel.service_points import event_kinds
from tests.contract.dummy_point.apps import DummyPointConfig
from tests.docs.tables import DOCS, ROOT, read_rows

PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "README.md"])
SPECIFICATION = "reference/specification.md"
EVENT_COLUMNS = ("event", "kind", "captured by", "what it charges")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _inline(path: Path, kind: str) -> list[Any]:
    tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
    return [child for token in tokens for child in token.children or [] if child.type == kind]


def _dotted_names(path: Path) -> list[str]:
    rooms = "|".join(_rooms())
    codes = [token.content for token in _inline(path, "code_inline")]
    return sorted({code for code in codes if re.fullmatch(rf"almoner\.(?:{rooms})(\.\w+)*", code)})


def _rooms() -> set[str]:
    """The rooms, as the import contract lists them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return {room.strip() for layer in layers for room in layer.split("|")}


def resolve(dotted: str) -> object:
    """The module, or what is in it under that name. Raises ``ImportError``."""
    try:
        return import_string(dotted)
    except ImportError:
        return __import__(dotted, fromlist=["_"])


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in [*_inline(path, "link_open"), *_inline(path, "image")]:
        target = str(link.attrs.get("href") or link.attrs.get("src"))
        if not re.match(r"[a-z]+:", target) and not target.startswith("#"):
            assert (path.parent / target.split("#")[0]).exists(), f"{_name(path)}: {target}"


@pytest.mark.parametrize("path", [path for path in PAGES if _dotted_names(path)], ids=_name)
def test_every_dotted_name_can_be_imported(path: Path) -> None:
    for dotted in _dotted_names(path):
        assert resolve(dotted), dotted


def test_dotted_names_are_found_and_wrong_ones_fail() -> None:
    assert len(_dotted_names(DOCS / SPECIFICATION)) > 20
    with pytest.raises(ImportError):
        resolve("almoner.charging.operations.forget")


def test_every_page_is_in_the_index() -> None:
    linked = {(DOCS / str(link.attrs["href"])).resolve() for link in _inline(DOCS / "index.md", "link_open")}
    missing = {path for path in DOCS.rglob("*.md") if path.name != "index.md"} - linked
    assert not missing, f"not in docs/index.md: {sorted(map(_name, missing))}"


def test_every_event_of_section_7_1_is_declared_and_captured_where_the_page_says() -> None:
    rows = read_rows(SPECIFICATION, "Events of section 7.1", EVENT_COLUMNS)
    declared = event_kinds()
    assert {row["event"] for row in rows} == {
        "PatientCheckedIn",
        "ConsultationStarted",
        "LabTestOrdered",
        "LabTestProcessed",
        "MedicationDispensed",
        "WardAdmission",
        "BedAssigned",
        "ServiceProvided",
    }
    for row in rows:
        assert declared[row["kind"]].specification == f"7.1 {row['event']}"
        operation = inspect.unwrap(resolve(row["captured by"]))
        assert f'"{row["kind"]}"' in Path(inspect.getfile(operation)).read_text(encoding="utf-8")


def test_no_event_kind_is_left_out() -> None:
    besides = read_rows(SPECIFICATION, "Events besides these", ("kind", "captured by", "why"))
    documented = {row["kind"] for row in read_rows(SPECIFICATION, "Events of section 7.1", EVENT_COLUMNS)}
    documented |= {row["kind"] for row in besides}
    core = {name for name in event_kinds() if not name.startswith("scan.")}
    assert documented == core


@pytest.mark.parametrize(
    ("table", "column", "names"),
    [
        (
            "Middleware of section 7.2",
            "middleware",
            {"CheckPaymentStatus", "BlockUnpaidServices", "EnforcePaymentPolicy", "AllowEmergencyOverride"},
        ),
        (
            "Models of section 7.3",
            "model",
            {
                "BillingPolicy",
                "ServiceChargeRule",
                "PaymentEnforcement",
                "BillingConfiguration",
                "WardBillingTemplate",
                "DepartmentBilling",
            },
        ),
    ],
)
def test_everything_that_the_specification_names_has_its_place(
    table: str, column: str, names: set[str]
) -> None:
    rows = read_rows(SPECIFICATION, table, (column, "where"))
    assert {row[column] for row in rows} == names
    assert all("almoner." in row["where"] or "hospital file" in row["where"] for row in rows)


def test_the_fields_that_the_page_names_are_there() -> None:
    assert {"required_at", "ward_type", "charge_type", "fee"} <= {
        field.name for field in ChargeRule._meta.get_fields()
    }


@pytest.mark.django_db
def test_the_tables_outside_tenants_are_those_of_the_page() -> None:
    rows = read_rows("explanation/tenancy.md", "Tables outside tenants", ("table", "why"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace AND NOT (relrowsecurity AND relforcerowsecurity)"
        )
        unprotected = {name for (name,) in cursor.fetchall()}
    assert {row["table"] for row in rows} == unprotected
    assert all(row["why"] for row in rows)


@pytest.mark.django_db
def test_the_application_has_no_right_to_the_tables_that_the_page_says_it_does_not_use() -> None:
    rows = read_rows("explanation/tenancy.md", "Tables outside tenants", ("table", "why"))
    unused = [row["table"] for row in rows if "no right" in row["why"]]
    assert unused
    with connection.cursor() as cursor:
        for table in unused:
            cursor.execute("SELECT has_table_privilege(%s, 'SELECT, INSERT, UPDATE, DELETE')", [table])
            assert cursor.fetchone() == (False,), table


def test_the_rooms_are_those_of_the_import_contract() -> None:
    rows = read_rows("explanation/architecture.md", "Rooms", ("room", "what is in it"))
    assert {row["room"].removeprefix("almoner.") for row in rows} == _rooms()


def test_the_guide_for_a_service_point_is_the_one_that_the_contract_runs() -> None:
    """The declaration in CONTRIBUTING.md, executed, is the dummy service point of the tests."""
    fences = [
        token.content
        for token in MarkdownIt("commonmark").parse((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
        if token.type == "fence" and token.info == "python"
    ]
    declaration = next(code for code in fences if "class RadiologyConfig" in code)
    names: dict[str, Any] = {}
    exec(compile(declaration, "CONTRIBUTING.md", "exec"), names)
    told = names["RadiologyConfig"]
    for attribute in ("title", "url_prefix", "event_kinds", "steps", "charge_rules"):
        assert getattr(told, attribute) == getattr(DummyPointConfig, attribute), attribute
    operation = next(code for code in fences if "def take_scan" in code)
    source = (ROOT / "tests/contract/dummy_point/operations.py").read_text(encoding="utf-8")
    assert (
        '@guarded("radiology.scan", Subject)' in operation and '@guarded("radiology.scan", Subject)' in source
    )
    assert "almoner.kernel" not in operation and "capture(hospital_id" in operation
