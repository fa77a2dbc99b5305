"""Hypothesis strategies for whole hospital files that are right."""

from __future__ import annotations

from datetime import date
from typing import Any

import yaml
from hypothesis import strategies as st

from almoner.interop.hospital_file.structure import (
    BILLING_CYCLES,
    DEPARTMENT_KINDS,
    SERVICE_KINDS,
)
from almoner.interop.hospital_file.tests.samples import VALUES_4_2
from almoner.kernel.money import Money

CURRENCIES = ["USD", "JPY", "KWD", "INR"]
# Words that YAML takes for something else unless they are quoted.
AWKWARD = [
    "yes",
    "No",
    "null",
    "on",
    "007",
    "08",
    "1e3",
    "0x1f",
    "12_3",
    "true",
    "2026-01-01",
    "_",
    "-",
    "a-b",
]
codes = st.one_of(st.sampled_from(AWKWARD), st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True))
names = st.one_of(
    st.sampled_from(
        [*AWKWARD, "a: b", "# no comment", "'quoted'", '"', "x ", "- y", "{z}", "Ünïcode ✓", "%", "*a", "!b"]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20),
)
days = st.dates(date(1990, 1, 1), date(2050, 12, 31))
fees = st.sampled_from(["consultation_fee", "equipment_fee", "registration_fee", "trauma_surcharge", "x_fee"])
switches = st.booleans()


def _some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A block in which every key may be missing."""
    return st.fixed_dictionaries({}, optional=optional)


def _amounts(currency: str) -> st.SearchStrategy[str]:
    return st.integers(0, 10**8).map(lambda minor: Money(minor, currency).plain())


def _period(draw: st.DrawFn) -> dict[str, Any]:
    start, end = draw(st.none() | days), draw(st.none() | days)
    block = {} if start is None else {"starts_on": start}
    if end is not None and end >= (start or date(2000, 1, 1)):
        block["ends_on"] = end
    return block


def _departments(currency: str) -> st.SearchStrategy[dict[str, Any]]:
    amounts = _amounts(currency)
    settings = _some(
        name=names,
        kind=st.sampled_from(DEPARTMENT_KINDS),
        payment_enforcement=st.sampled_from(["strict", "moderate", "flexible", "none"]),
        emergency_override=st.sampled_from([True, False, "always", "conditional", "never"]),
        grace_period=st.integers(0, 30),
        deferral_limit=amounts,
        critical_triage=st.integers(1, 5),
        critical_conditions=st.just(["chest_pain", "i21.9"]),
        deposit_satisfies=switches,
        service_blocking=st.sampled_from(["enabled", "disabled"]),
    )
    block = st.builds(
        lambda said, priced: said | priced, settings, st.dictionaries(fees, amounts, max_size=3)
    )
    return st.dictionaries(codes, block, min_size=1, max_size=4)


@st.composite
def _wards(draw: st.DrawFn, departments: list[str], currency: str) -> dict[str, Any]:
    wards = {}
    for number, code in enumerate(draw(st.lists(codes, unique=True, max_size=3))):
        charges = draw(
            st.lists(
                st.fixed_dictionaries(
                    {
                        "code": codes,
                        "name": names,
                        "billing_type": st.sampled_from(["daily", "one_time"]),
                        "amount": _amounts(currency),
                    }
                ),
                max_size=2,
                unique_by=lambda charge: charge["code"],
            )
        )
        wards[code] = {
            "ward_type": f"type_{number}",
            "department": draw(st.sampled_from(departments)),
            "beds": draw(st.integers(0, 12) | st.lists(codes, unique=True, max_size=4)),
            "charges": charges,
            **draw(_some(name=names)),
        }
    return wards


def _services(departments: list[str], taxes: list[str], currency: str) -> st.SearchStrategy[dict[str, Any]]:
    optional: dict[str, st.SearchStrategy[Any]] = {
        "department": st.sampled_from(departments),
        "flags": st.lists(codes, max_size=3),
        "billing_rules": _some(**{key: st.sampled_from(allowed) for key, allowed in VALUES_4_2.items()}),
    }
    if taxes:
        optional["tax"] = st.sampled_from(taxes)
    block = st.fixed_dictionaries({"name": names, "kind": st.sampled_from(SERVICE_KINDS)}, optional=optional)
    priced = st.builds(
        lambda said, price, start: said | price | (start if price else {}),
        block,
        _some(price=_amounts(currency)),
        _some(price_from=days),
    )
    late_fee = {code: {"name": code, "kind": "other"} for code in ("late_fee", "plan_fee")}
    return st.dictionaries(codes.map("s-{}".format), priced, max_size=4).map(lambda found: found | late_fee)


@st.composite
def _tariffs(draw: st.DrawFn, services: list[str], payers: list[str], currency: str) -> list[dict[str, Any]]:
    """Lines that never hold at once: every one has a patient category of its own, or a later year."""
    lines = []
    for number in range(draw(st.integers(0, 4)) if services else 0):
        line = {
            "service": draw(st.sampled_from(services)),
            "price": draw(_amounts(currency)),
            "patient_category": f"category-{number}",
            **_period(draw),
            **draw(_some(tariff=codes, **({"payer": st.sampled_from(payers)} if payers else {}))),
        }
        lines.append(line)
        if draw(switches) and "ends_on" in line:
            lines.append(line | {"starts_on": date(2051, 1, 1), "ends_on": date(2052, 1, 1)})
    return lines


@st.composite
def documents(draw: st.DrawFn, currency: str) -> dict[str, Any]:
    """A whole file as data: every reference is to something that stands in it."""
    departments = draw(_departments(currency))
    taxes = draw(
        st.dictionaries(
            codes,
            st.fixed_dictionaries(
                {"name": names, "percent": st.decimals(0, 100, places=4).map(str)},
                optional={"inclusive": switches},
            ),
            max_size=2,
        )
    )
    services = draw(_services(list(departments), list(taxes), currency))
    payers = draw(st.dictionaries(codes, st.fixed_dictionaries({"name": names}), max_size=2))
    discounts = {}
    for code in draw(st.lists(codes, unique=True, max_size=2)):
        reduction = draw(
            st.one_of(
                st.fixed_dictionaries({"percent": st.integers(0, 100)}),
                st.fixed_dictionaries({"amount": _amounts(currency)}),
            )
        )
        discounts[code] = {"name": draw(names), **reduction, **_period(draw)}
    rules = {
        f"rule.{code}": {
            "event_kind": "lab_test.ordered",
            "per_line": True,
            **draw(
                _some(
                    line_flag=codes,
                    once_per=st.sampled_from(["patient", "encounter"]),
                    department=st.sampled_from(list(departments)),
                    charge_type=st.sampled_from(["one_time", "daily", "quantity_based"]),
                    planned=switches,
                    delivered_on_capture=switches,
                    required_at=st.lists(
                        st.sampled_from(["laboratory.process", "consultation.start"]), max_size=2
                    ),
                    **({"service": st.sampled_from(list(services))} if services else {}),
                )
            ),
        }
        for code in draw(st.lists(codes, unique=True, max_size=2))
    }
    packages = {}
    if services:
        for code in draw(st.lists(codes.map("p-{}".format), unique=True, max_size=2)):
            chosen = draw(st.lists(st.sampled_from(list(services)), unique=True, max_size=3))
            packages[code] = {
                "name": draw(names),
                "price": draw(_amounts(currency)),
                "services": chosen,
                **_period(draw),
            }
    return {
        "hospital": {
            "slug": "generated",
            "name": draw(names),
            "currency": currency,
            "time_zone": draw(st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"])),
            **draw(_some(locale=st.sampled_from(["en_US", "hi_IN", "es_MX"]))),
        },
        "System Configuration": draw(
            _some(
                payment_enforcement=_some(
                    global_policy=st.sampled_from(["strict", "moderate", "flexible", "emergency_only"]),
                    grace_periods=st.integers(0, 30).map("{} days".format),
                ),
                billing_cycle=st.sampled_from(BILLING_CYCLES),
                gate=_some(deferral_hours=st.integers(0, 100), deferral_limit=_amounts(currency)),
            )
        ),
        "Ward Billing Types": draw(
            _some(daily=st.lists(names, max_size=3), hourly=st.lists(names, max_size=3))
        ),
        "departments": departments,
        "wards": draw(_wards(list(departments), currency)),
        "taxes": taxes,
        "services": services,
        "payers": payers,
        "tariffs": draw(_tariffs(list(services), list(payers), currency)),
        "discounts": discounts,
        "packages": packages,
        "cash_points": draw(st.dictionaries(codes, st.fixed_dictionaries({"name": names}), max_size=2)),
        "charge_rules": rules,
    }


def as_text(document: dict[str, Any]) -> str:
    """The file, as another program would write it."""
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
