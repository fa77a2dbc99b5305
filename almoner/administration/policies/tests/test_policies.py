"""Policies: what is in force and who says so, a change tried on the past, put in force, and found in the history."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.administration import policies as room
from almoner.enforcement.facts import Subject
from almoner.enforcement.gate import check
from almoner.hospitals.models import ConfigurationVersion, Hospital
from almoner.identity.models import AuditRecord
from almoner.interop.hospital_file.operations import change_policy, export
from almoner.interop.hospital_file.policies import Policy
from almoner.kernel.errors import Conflict, DomainError, NotFound
from tests.support.day import AT, BusyDay
from tests.support.hospital import change_configuration, enforce
from tests.support.pages import HTMX, member_client, templates_of, text_of, typed

CARDIOLOGY = ("department", "cardiology")


@pytest.fixture
def manager(day: BusyDay) -> Client:
    with day.hospital.transaction():
        change_configuration(day.hospital)
    return member_client(day.hospital.id, "hospital_manager")


def url_of(scope: str, subject: str = "") -> str:
    name = "policies:block" if subject else "policies:hospital"
    return reverse(name, args=[scope, subject] if subject else [scope])


def try_it(client: Client, scope: str, subject: str = "", **fields: object) -> HttpResponse:
    opened = client.get(url_of(scope, subject))
    assert opened.status_code == 200
    return client.post(url_of(scope, subject), typed(opened.context["form"], **fields), headers=HTMX)


def put_in_force(client: Client, tried: HttpResponse) -> HttpResponse:
    form = tried.context["put_in_force"]
    return client.post(reverse("policies:save"), typed(form, change=form.initial["change"]), headers=HTMX)


def ask(day: BusyDay, patient: str = "Maria Silva") -> Any:
    decision, _ = check(
        day.hospital.id,
        "consultation.start",
        Subject(day.visits[patient].id),
        actor=day.hospital.actor,
        at=AT,
    )
    return decision


def test_a_change_is_tried_put_in_force_and_decides_the_next_question(day: BusyDay, manager: Client) -> None:
    assert ask(day).outcome == "held"
    tried = try_it(manager, *CARDIOLOGY, level="flexible")
    assert tried.status_code == 200, text_of(tried)
    says = text_of(tried)
    assert "Strict" in says and "Flexible" in says
    panel = tried.context["panel"]
    assert panel.released >= 1 and panel.held == 0
    assert "Maria Silva" in [row.patient for row in panel.released_examples]
    assert ask(day).outcome == "held"
    answer = put_in_force(manager, tried)
    assert answer["HX-Redirect"] == url_of(*CARDIOLOGY)
    decision = ask(day)
    assert (decision.outcome, decision.setting, decision.source) == (
        "reminded",
        "level",
        "department:cardiology",
    )
    page = text_of(manager.get(url_of(*CARDIOLOGY)))
    assert "In force from now on" in page and "How hard: not said → Flexible" in page
    assert "Grace Adeyemi" in text_of(manager.get(reverse("policies:history")))
    assert "payment_enforcement: flexible" in export(day.hospital.slug)
    with day.hospital.transaction():
        version = ConfigurationVersion.objects.latest("number")
        assert version.loaded_by.startswith("user:hospital_manager")
        assert [(one["scope"], one["subject"]) for one in version.policies] == [CARDIOLOGY]
        assert AuditRecord.objects.filter(action="configuration.loaded").count() == 1


def test_what_would_be_held_counts_the_money_of_each_charge_once(day: BusyDay, manager: Client) -> None:
    enforce(day.hospital, "department", "cardiology", payment_enforcement="flexible")
    for _ in range(3):
        assert ask(day, "Samuel Osei").outcome in ("reminded", "allowed")
    patient = day.hospital.patient("Nia Bello")
    visit = day.hospital.encounter(patient, "cardiology")
    day.hospital.capture("patient.checked_in", encounter=visit, at=AT)
    day.visits["Nia Bello"] = visit
    for _ in range(2):
        assert ask(day, "Nia Bello").outcome == "reminded"
    panel = try_it(manager, *CARDIOLOGY, level="strict").context["panel"]
    assert (panel.held, panel.earlier) == (1, "$75.00")
    assert [(row.patient, row.amount) for row in panel.held_examples] == [("Nia Bello", "$75.00")]


def test_a_mistake_stands_at_its_field_and_what_was_typed_stays(day: BusyDay, manager: Client) -> None:
    tried = try_it(manager, *CARDIOLOGY, grace_days="31", override_conditions="chest pain")
    assert tried.status_code == 422
    form = tried.context["form"]
    assert set(form.errors) == {"grace_days"}
    tried = try_it(manager, *CARDIOLOGY, override_conditions="chest pain")
    assert "override_conditions" in tried.context["form"].errors
    assert "chest pain" in tried.content.decode()
    nothing = try_it(manager, *CARDIOLOGY)
    assert nothing.status_code == 422 and "Nothing was changed." in text_of(nothing)


def test_a_change_that_was_seen_before_another_one_is_not_put_in_force(day: BusyDay, manager: Client) -> None:
    tried = try_it(manager, *CARDIOLOGY, level="flexible")
    with day.hospital.transaction():
        change_configuration(day.hospital)
    answer = put_in_force(manager, tried)
    assert answer.status_code == 422 and "changed in the meantime" in text_of(answer)
    assert ask(day).outcome == "held"


def test_a_preview_that_was_tampered_with_is_not_put_in_force(day: BusyDay, manager: Client) -> None:
    tried = try_it(manager, *CARDIOLOGY, level="flexible")
    form = tried.context["put_in_force"]
    sent = typed(form, change=form.initial["change"] + "x")
    answer = manager.post(reverse("policies:save"), sent, headers=HTMX)
    assert answer.status_code == 422 and "Preview the change again" in text_of(answer)


def test_where_a_setting_comes_from_is_shown(day: BusyDay, manager: Client) -> None:
    enforce(day.hospital, "module", "consultation", grace_period="5 days")
    enforce(day.hospital, "hospital", payment_enforcement={"global_policy": "moderate"})
    page = manager.get(url_of("department", "laboratory"))
    rows = {row.field.name: row for section in page.context["sections"] for row in section.rows}
    assert (rows["level"].value, rows["level"].source, rows["level"].own) == ("Moderate", "Hospital", False)
    assert rows["deposit_satisfies"].source == "as delivered"
    enforce(day.hospital, "department", "laboratory", payment_enforcement="strict", grace_period=2)
    page = manager.get(url_of("department", "laboratory"))
    rows = {row.field.name: row for section in page.context["sections"] for row in section.rows}
    assert (rows["level"].value, rows["level"].source, rows["level"].own) == ("Strict", "said here", True)
    service = manager.get(url_of("service", "blood_count"))
    rows = {row.field.name: row for section in service.context["sections"] for row in section.rows}
    assert rows["grace_days"].source == "Department: Laboratory"
    assert rows["grace_days"].value == "2 days"
    assert "Not said here: Strict (Department: Laboratory)" in text_of(service)


def test_a_key_is_taken_back_and_the_wider_block_decides_again(day: BusyDay) -> None:
    hospital = day.hospital

    def put(scope: str, subject: str, **settings: object) -> int:
        version = Hospital.objects.get(id=hospital.id).configuration_version
        policy = Policy(scope, subject, settings)
        return change_policy(hospital.id, policy, based_on=version, actor=hospital.actor, at=AT).version

    first = put(
        "hospital", "", global_policy="flexible", billing_cycle="weekly_batch", hide_test_details=False
    )
    assert put("department", "cardiology", payment_enforcement="strict") == first + 1
    assert ask(day).source == "department:cardiology"
    assert put("department", "cardiology", payment_enforcement=None) == first + 2
    decision = ask(day)
    assert (decision.outcome, decision.source) == ("reminded", "hospital")
    put("patient_category", "general", payment_enforcement="strict", allow=["stat"])
    assert ask(day).source == "patient_category:general"
    put("module", "consultation", defer=["follow_up"])
    text = export(hospital.slug)
    assert "patient_categories:\n  general:\n    payment_enforcement: strict" in text
    assert "billing_cycle: weekly_batch" in text and "module_rules:" in text
    before = Hospital.objects.get(id=hospital.id).configuration_version
    assert put("module", "consultation", defer=["follow_up"]) == before


@pytest.mark.parametrize(
    ("scope", "subject", "said", "expected"),
    [
        ("department", "nowhere", {"grace_period": 3}, NotFound),
        ("service", "nothing", {"payment_required": "mandatory"}, NotFound),
        ("module", "kitchen", {"allow": ["stat"]}, NotFound),
        ("ward", "general", {"allow": ["stat"]}, DomainError),
        ("department", "cardiology", {"payment_enforcement": "severe"}, DomainError),
        ("department", "cardiology", {"no_such_key": 1}, DomainError),
    ],
)
def test_what_cannot_be_set_is_refused(
    day: BusyDay, scope: str, subject: str, said: dict[str, object], expected: type[DomainError]
) -> None:
    version = Hospital.objects.get(id=day.hospital.id).configuration_version
    policy = Policy(scope, subject, said)
    with pytest.raises(expected):
        change_policy(day.hospital.id, policy, based_on=version, actor=day.hospital.actor, at=AT)
    assert Hospital.objects.get(id=day.hospital.id).configuration_version == version


def test_a_change_based_on_an_older_version_is_a_conflict(day: BusyDay) -> None:
    with pytest.raises(Conflict):
        change_policy(
            day.hospital.id,
            Policy(*CARDIOLOGY, {"grace_period": 3}),
            based_on=-1,
            actor=day.hospital.actor,
            at=AT,
        )


def test_every_page_is_drawn_within_its_statements(day: BusyDay, manager: Client, rendered: set[str]) -> None:
    put_in_force(manager, try_it(manager, *CARDIOLOGY, level="flexible"))
    enforce(day.hospital, "department", "cardiology", payment_enforcement="flexible")
    put_in_force(manager, try_it(manager, "module", "laboratory", allow=["stat"]))
    nia = day.hospital.encounter(day.hospital.patient("Nia Bello"), "cardiology")
    day.hospital.capture("patient.checked_in", encounter=nia, at=AT)
    day.visits["Nia Bello"] = nia
    ask(day, "Nia Bello")
    try_it(manager, *CARDIOLOGY, level="strict")
    manager.get(reverse("policies:find"), {"q": "blood"}, headers=HTMX)
    assert "Blood count" in text_of(manager.get(reverse("policies:find"), {"q": "blood"}))
    found = manager.get(reverse("policies:find"), {"category": "Staff members"})
    assert found["Location"] == url_of("patient_category", "staff_members")
    for url in (
        reverse("policies:overview"),
        reverse("policies:history"),
        url_of("hospital"),
        url_of("module", "laboratory"),
        url_of("department", "cardiology"),
        url_of("service", "blood_count"),
        url_of("patient_category", "staff"),
    ):
        manager.get(url)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            answer = manager.get(url)
        assert answer.status_code == 200
        assert len(captured) <= 12, [one["sql"] for one in captured]
    assert templates_of(room) - rendered == set()


def test_settings_that_make_no_sense_together_are_explained_at_their_field(
    day: BusyDay, manager: Client
) -> None:
    tried = try_it(manager, *CARDIOLOGY, late_fees="yes", late_fee_percent="2")
    assert tried.status_code == 422
    assert "add it to the services first" in str(tried.context["form"].errors["late_fees"])
    tried = try_it(manager, *CARDIOLOGY, plan_offered="no", plan_satisfies="yes")
    assert "No plan can release" in str(tried.context["form"].errors["plan_satisfies"])
