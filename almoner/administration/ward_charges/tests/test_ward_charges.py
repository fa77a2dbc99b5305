"""Ward charges: built by type, tried on a real stay, kept, put in force, compared, ended, shared as YAML."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.administration import ward_charges as room
from almoner.administration.ward_charges.words import CONDITION_WORDS, KINDS, ONLY_FOR, SECTIONS, TYPES
from almoner.catalog.models import Service
from almoner.charging.conditions import VARIABLES
from almoner.charging.models import ChargeDefinition, ChargeDraft
from almoner.identity.models import AuditRecord
from tests.support.day import AT
from tests.support.pages import HTMX, member_client, templates_of, text_of, typed
from tests.support.ward import WardHospital, make_ward_hospital

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("strict_templates")]

BEGAN = datetime(2026, 2, 26, 10, 30, tzinfo=UTC)
MONITORING = {
    "billing_type": "hourly",
    "name": "ICU monitoring",
    "code": "monitoring",
    "rate": "45",
    "ward_types": ["icu"],
    "starts_on": "2026-02-01",
}


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> WardHospital:
    monkeypatch.setattr("almoner.pages.staff.now", lambda: AT)
    return make_ward_hospital()


@pytest.fixture
def manager(place: WardHospital) -> Client:
    return member_client(place.id, "hospital_manager")


def opened(client: Client, name: str = "new", *arguments: str, **query: str) -> dict[str, object]:
    answer = client.get(reverse(f"ward_charges:{name}", args=arguments), query)
    assert answer.status_code == 200, text_of(answer)
    return typed(answer.context["form"])


def send(client: Client, name: str, form: dict[str, object], *arguments: str) -> HttpResponse:
    return client.post(reverse(f"ward_charges:{name}", args=arguments), form, headers=HTMX)


def put(client: Client, **fields: object) -> HttpResponse:
    return send(client, "save", {**opened(client), **MONITORING, "do": "put", **fields})


def versions(place: WardHospital, code: str = "monitoring") -> list[ChargeDefinition]:
    with place.hospital.transaction():
        return list(ChargeDefinition.objects.filter(code=code).order_by("version"))


def test_a_charge_is_tried_on_a_stay_put_in_force_and_accrues(place: WardHospital, manager: Client) -> None:
    place.define("room", "daily", rate_minor=20000)
    admission_id = place.admit("icu", AT - timedelta(hours=3, minutes=30))
    form = {**opened(manager), **MONITORING}
    tried = send(manager, "preview", form)
    assert tried.status_code == 200, text_of(tried)
    panel = tried.context["panel"]
    assert (panel.would, panel.did) == ("$225.00", "$0.00")
    assert (panel.stay_did, panel.stay_would, panel.difference) == ("$200.00", "$425.00", "+$225.00")
    assert [line.amount for line in panel.lines] == ["$45.00"] * 5
    assert versions(place) == []
    answer = send(manager, "save", {**form, "do": "put"})
    assert answer["HX-Redirect"] == reverse("ward_charges:charge", args=["monitoring"])
    place.run(AT + timedelta(hours=1))
    assert sum(item.net_minor or 0 for item in place.charges(admission_id, "monitoring")) == 6 * 4500


def test_the_preview_says_what_is_missing_before_anything_is_sent(
    place: WardHospital, manager: Client
) -> None:
    assert "no stay to try it on" in text_of(manager.get(reverse("ward_charges:new")))
    place.admit("icu", AT - timedelta(hours=3))
    tried = send(
        manager, "preview", {**opened(manager), **MONITORING, "condition": "shoe_size > 4", "code": ""}
    )
    assert tried.context["panel"] is None
    assert [str(label) for label, _problem in tried.context["problems"]] == ["Condition"]


def test_the_form_sent_twice_makes_one_version(place: WardHospital, manager: Client) -> None:
    form = {**opened(manager), **MONITORING, "do": "put"}
    assert [send(manager, "save", form).status_code for _ in range(2)] == [200, 200]
    [saved] = versions(place)
    assert (saved.rate_minor, saved.ward_types, saved.saved_by[:5]) == (4500, ["icu"], "user:")
    with place.hospital.transaction():
        assert Service.objects.get(code="monitoring").name == "ICU monitoring"


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"rate": "-1"}, "rate", "at least"),
        ({"minimum": "100", "cap": "50", "cap_per": "day"}, "cap", "below the minimum"),
        (
            {"rate": "", "tiers_first": ["1", "6"], "tiers_last": ["4", ""], "tiers_rate": ["60", "40"]},
            "tiers",
            "begin with unit 5",
        ),
        ({"tiers_first": ["one"], "tiers_last": [""], "tiers_rate": ["60"]}, "tiers", "number of a unit"),
        ({"condition": "patient_age >="}, "condition", "cannot be read"),
        ({"condition": "patient_age"}, "condition", "no answer"),
        ({"condition": "shoe_size > 4"}, "condition", "shoe_size"),
        ({"ends_on": "2026-01-01"}, "ends_on", "not before"),
        ({"billing_type": "event_triggered"}, "event_kinds", "at least one event"),
        ({"billing_type": "percentage", "percent": "120", "rate": ""}, "percent", "at most 100"),
        (
            {"billing_type": "percentage", "percent": "2", "base_definitions": ["other"]},
            "base_definitions",
            "other of monitoring",
        ),
        ({"billing_type": "daily", "day_rule": "free_until"}, "free_minutes", "free minutes"),
        ({"starts_on": ""}, "starts_on", "required"),
        ({"code": "fee for all"}, "code", "valid"),
        ({"service": "nothing"}, "service", "no service"),
    ],
)
def test_what_cannot_be_is_said_at_its_field_and_stays_typed(
    place: WardHospital, manager: Client, fields: dict[str, object], field: str, reason: str
) -> None:
    if "base_definitions" in fields:
        put(manager, billing_type="percentage", percent="1")
        place.define("other", "percentage", percent=1, base={"definitions": ["monitoring"]})
        form = opened(manager, "change", "monitoring")
        answer = send(manager, "save", {**form, **fields, "starts_on": "2026-03-01", "do": "put"})
    else:
        answer = put(manager, **fields)
    assert answer.status_code == 422
    form = answer.context["form"]
    assert list(form.errors) == [field], form.errors
    assert reason in form.errors[field][0]
    assert form["name"].value() == "ICU monitoring"
    assert f'id="id_{field}-problem"' in answer.content.decode()


def test_dates_that_overlap_are_refused_with_the_version(place: WardHospital, manager: Client) -> None:
    put(manager, ends_on="2026-03-31")
    form = opened(manager, "change", "monitoring")
    answer = send(manager, "save", {**form, "starts_on": "2026-03-10", "rate": "50", "do": "put"})
    assert "Version 1 is in force until 2026-03-31" in answer.context["form"].errors["starts_on"][0]


def test_a_change_somebody_made_meanwhile_is_not_lost(place: WardHospital, manager: Client) -> None:
    put(manager)
    first, second = (opened(manager, "change", "monitoring") for _ in range(2))
    assert send(manager, "save", {**first, "rate": "50", "do": "put"}).status_code == 200
    answer = send(manager, "save", {**second, "rate": "55", "do": "put"})
    assert answer.status_code == 422 and "Somebody saved a version" in text_of(answer)
    assert [row.rate_minor for row in versions(place)] == [4500, 5000]
    taken = put(manager, rate="1", starts_on="2026-05-01")
    assert "already" in taken.context["form"].errors["code"][0]


def test_the_fields_follow_the_type_and_what_was_typed_for_another_comes_back(
    place: WardHospital, manager: Client
) -> None:
    form = {**opened(manager), **MONITORING}
    as_percentage = send(manager, "draw", {**form, "billing_type": "percentage"})
    shown = {bound.name for section in as_percentage.context["sections"] for bound in section.fields}
    assert "percent" in shown and "base_kinds" in shown and not {"rate", "tiers", "event_kinds"} & shown
    assert '<input type="hidden" name="rate" value="45"' in as_percentage.content.decode()
    assert as_percentage.context["form"].errors == {}
    back = send(manager, "draw", form)
    assert back.context["form"]["rate"].value() == "45"


def test_a_draft_is_kept_as_typed_charges_nothing_and_ends_when_put_in_force(
    place: WardHospital, manager: Client
) -> None:
    half = {
        **opened(manager),
        **MONITORING,
        "rate": "forty",
        "tiers_first": ["1"],
        "tiers_last": [""],
        "tiers_rate": ["x"],
    }
    answer = send(manager, "save", {**half, "do": "draft"})
    assert answer["HX-Redirect"] == reverse("ward_charges:draft", args=["monitoring"])
    assert versions(place) == []
    page = manager.get(reverse("ward_charges:draft", args=["monitoring"]))
    form = page.context["form"]
    assert (form["rate"].value(), form["ward_types"].value(), form["tiers"].value()) == (
        "forty",
        ["icu"],
        [("1", "", "x")],
    )
    assert "ICU monitoring" in text_of(manager.get(reverse("ward_charges:overview")))
    assert put(manager).status_code == 200
    with place.hospital.transaction():
        assert not ChargeDraft.objects.exists()
    send(manager, "save", {**half, "code": "other", "do": "draft"})
    assert send(manager, "discard", {}, "other").status_code == 200
    assert manager.get(reverse("ward_charges:draft", args=["other"])).status_code == 404
    refused = send(manager, "save", {**half, "code": "", "do": "draft"})
    assert list(refused.context["form"].errors) == ["code"]


def test_versions_are_compared_and_a_charge_ends(place: WardHospital, manager: Client) -> None:
    put(manager)
    form = opened(manager, "change", "monitoring")
    send(manager, "save", {**form, "rate": "50", "cap": "900", "cap_per": "day", "do": "put"})
    page = manager.get(reverse("ward_charges:charge", args=["monitoring"]))
    told = {str(label): (one, two) for label, one, two in page.context["differences"]}
    assert told["Rate"] == ("$45.00", "$50.00")
    assert told["At most"] == ("", "$900.00 per day")
    assert told["From"] == ("Feb 1, 2026", "Mar 3, 2026")
    same = manager.get(reverse("ward_charges:charge", args=["monitoring"]), {"first": 2, "second": 2})
    assert same.context["differences"] == []
    too_late = send(manager, "end", {**typed(page.context["form"]), "ends_on": "2026-01-01"}, "monitoring")
    assert too_late.status_code == 422 and "not in force" in too_late.context["form"].errors["ends_on"][0]
    send(manager, "end", {**typed(page.context["form"]), "ends_on": "2026-04-30"}, "monitoring")
    assert versions(place)[-1].ends_on == date(2026, 4, 30)
    ended = manager.get(reverse("ward_charges:charge", args=["monitoring"]))
    assert [day for day, _by, _when in ended.context["endings"]] == ["Apr 30, 2026"]
    with place.hospital.transaction():
        deeds = AuditRecord.objects.filter(subject_kind="charge_definition").values_list("action", flat=True)
        assert sorted(deeds) == ["charge_definition.ended", *["charge_definition.saved"] * 2]


def test_a_template_gathers_charges_and_puts_them_to_wards_from_a_day(
    place: WardHospital, manager: Client
) -> None:
    put(manager)
    form = opened(manager, "new-template")
    made = {
        **form,
        "name": "Intensive care",
        "code": "intensive",
        "ward_types": ["icu"],
        "members": ["monitoring"],
        "starts_on": "2026-03-01",
    }
    answer = send(manager, "new-template", made)
    assert answer["HX-Redirect"] == reverse("ward_charges:template", args=["intensive"])
    page = manager.get(answer["HX-Redirect"])
    assert [row.code for _title, _about, rows in page.context["groups"] for row in rows] == ["monitoring"]
    to = {**typed(page.context["form"]), "ward_types": ["icu", "general"], "starts_on": "2026-04-01"}
    assert send(manager, "template", to, "intensive").status_code == 200
    last = versions(place)[-1]
    assert (last.ward_types, last.starts_on, last.template) == (
        ["icu", "general"],
        date(2026, 4, 1),
        "intensive",
    )
    none = send(manager, "template", {**to, "ward_types": []}, "intensive")
    assert "at least one" in none.context["form"].errors["ward_types"][0]
    again = send(manager, "new-template", {**made, "name": "Other"})
    assert "already" in again.context["form"].errors["code"][0]


def test_charges_travel_to_another_hospital_as_yaml(place: WardHospital, manager: Client) -> None:
    put(manager, cap="900", cap_per="day")
    place.define("room", "daily", rate_minor=20000)
    file = manager.get(reverse("ward_charges:file"))
    assert file["Content-Disposition"].startswith("attachment")
    text = file.content.decode()
    other = make_ward_hospital()
    there = member_client(other.id, "hospital_manager")
    other.define("bath", "daily", rate_minor=100)
    shown = send(there, "load", {**opened(there, "load"), "text": text})
    assert shown.status_code == 200, text_of(shown)
    labels = [label for _kind, label, _lines in shown.context["changes"]]
    assert any("monitoring" in label for label in labels)
    assert versions(other) == []
    agreed = typed(shown.context["form"])
    edited = send(there, "load", {**agreed, "text": text.replace("900", "800")})
    assert edited.context["changes"] and versions(other) == []
    assert send(there, "load", agreed)["HX-Redirect"] == reverse("ward_charges:overview")
    [loaded] = versions(other)
    assert (loaded.rate_minor, loaded.cap_minor, loaded.ward_types) == (4500, 90000, ["icu"])
    assert [row.is_active for row in versions(other, "bath")] == [True]
    nothing = send(there, "load", {**opened(there, "load"), "text": text})
    assert nothing.context["changes"] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("charge_definitions:\n  - code: x\n    billing_type: weekly\n", "line 3"),
        ("departments: {}\n", "Expected only"),
        ("hospital: {slug: other}\n", ""),
        ("a: [", ""),
        ("just words", ""),
    ],
)
def test_a_file_that_cannot_be_is_refused_line_by_line(
    place: WardHospital, manager: Client, text: str, reason: str
) -> None:
    answer = send(manager, "load", {**opened(manager, "load"), "text": text})
    assert answer.status_code == 422
    assert answer.context["problems"]
    assert reason.lower() in text_of(answer).lower()


def test_pages_read_a_fixed_number_of_statements_and_every_template_is_drawn(
    place: WardHospital, manager: Client, rendered: set[str]
) -> None:
    counts: dict[str, list[int]] = {}
    for size in (1, 8):
        for number in range(size):
            code = f"charge_{size}_{number}"
            place.define(code, "daily", rate_minor=100)
            place.define(code, "daily", rate_minor=200, starts_on=date(2026, 3, 10))
            place.admit("general", BEGAN + timedelta(hours=number))
            send(
                manager,
                "save",
                {**opened(manager), **MONITORING, "code": f"d_{size}_{number}", "do": "draft"},
            )
        for url in (
            reverse("ward_charges:overview"),
            reverse("ward_charges:new") + f"?copy=charge_{size}_0",
            reverse("ward_charges:change", args=[f"charge_{size}_0"]),
            reverse("ward_charges:charge", args=[f"charge_{size}_0"]),
        ):
            manager.get(url)
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert manager.get(url).status_code == 200
            counts.setdefault(url.replace(f"charge_{size}_0", ""), []).append(len(captured))
    assert all(one == other and other <= 12 for one, other in counts.values()), counts
    send(manager, "preview", {**opened(manager), **MONITORING})
    send(manager, "end", {}, "charge_1_0")
    send(manager, "new-template", {})
    send(manager, "new-template", {**opened(manager, "new-template"), "name": "All", "code": "all"})
    manager.get(reverse("ward_charges:template", args=["all"]))
    send(manager, "template", {}, "all")
    manager.get(reverse("ward_charges:load"))
    assert templates_of(room) - rendered == set()


def test_every_word_of_the_form_is_one_of_the_engine() -> None:
    assert {name for name, _about in CONDITION_WORDS} == set(VARIABLES)
    assert set(TYPES) == set(ChargeDefinition.BillingType.values)
    assert set(KINDS) == set(Service.Kind.values)
    shown: list[Any] = [name for _title, names in SECTIONS for name in names]
    assert len(shown) == len(set(shown)) and set(ONLY_FOR) <= set(shown)
