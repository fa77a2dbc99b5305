"""Overrides for review: what went ahead unpaid, what was paid since, and who says it was right."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.charging.models import ChargeItem
from almoner.enforcement.facts import Subject
from almoner.enforcement.models import GateDecision, Override, OverrideReview, OverrideRevocation
from almoner.enforcement.operations import grant_override
from almoner.identity.models import AuditRecord
from almoner.kernel.actor import Actor
from almoner.kernel.ids import new_id
from almoner.orders.models import TestOrder
from almoner.service_points.laboratory import operations as laboratory
from tests.support.day import AT, BusyDay
from tests.support.pages import HTMX, member_client, said, text_of, typed

DOCTOR = Actor(name="user:d.amara@stbrigid.example", everything=True)
LIST = reverse("work_lists:overrides")


@pytest.fixture
def billing(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "billing_staff")


def order_of(day: BusyDay, name: str = "John Doe") -> TestOrder:
    with day.hospital.transaction():
        return TestOrder.objects.get(encounter=day.visits[name])


def override_order(day: BusyDay, *, process: bool = True, **changes: Any) -> Override:
    """John Doe's laboratory order of 65.00 goes ahead unpaid, under an override that a doctor gave."""
    order = order_of(day)
    granted = grant_override(
        day.hospital.id,
        **{
            "step": "laboratory.process",
            "subject": Subject(order.encounter_id, order.id),
            "reason": "Sepsis suspected, the family brings the money",
            "expires_at": AT + timedelta(hours=4),
            "triage_level": 2,
            "idempotency_key": f"override-{new_id()}",
            "actor": DOCTOR,
            "at": AT - timedelta(minutes=30),
            **changes,
        },
    )
    if process:
        laboratory.process(day.hospital.id, order.id, actor=DOCTOR, at=AT - timedelta(minutes=20))
    return granted


def rows(client: Client, show: str = "to_review") -> list[Any]:
    answer = client.get(LIST, {"show": show})
    assert answer.status_code == 200
    return answer.context["rows"]


def send(client: Client, url: str, **fields: object) -> HttpResponse:
    opened = client.get(url, headers=HTMX)
    assert opened.status_code == 200
    return client.post(url, typed(opened.context["form"], **fields), headers=HTMX)


def review_url(granted: Override) -> str:
    return reverse("work_lists:override-review", args=[granted.id])


def test_the_list_says_what_went_ahead_unpaid_and_what_was_paid_since(day: BusyDay, billing: Client) -> None:
    override_order(day)
    [row] = rows(billing)
    assert (row.patient, row.granted_by, row.passed, row.open) == (
        "John Doe",
        "d.amara@stbrigid.example",
        "$65.00",
        "$65.00",
    )
    with day.hospital.transaction():
        items = ChargeItem.objects.filter(order_id=order_of(day).id).order_by("net_minor")
        count, panel = items.values_list("id", flat=True)
    john = day.patients["John Doe"]
    day.hospital.pay(john, 4000, shares=[(count, 3000), (panel, 1000)], at=AT)
    assert (rows(billing)[0].passed, rows(billing)[0].open) == ("$65.00", "$25.00")
    day.hospital.pay(john, 2500, shares=[(panel, 2500)], at=AT)
    [row] = rows(billing)
    assert not row.is_open
    assert "settled" in text_of(billing.get(LIST))


def test_an_override_that_nothing_went_ahead_under_says_so(day: BusyDay, billing: Client) -> None:
    override_order(day, process=False)
    assert rows(billing)[0].passed == ""
    assert "not used" in text_of(billing.get(LIST))


def test_accepting_takes_it_off_the_list_and_keeps_who_when_and_why(day: BusyDay, billing: Client) -> None:
    granted = override_order(day)
    answer = send(billing, review_url(granted), verdict="accepted", note="Seen with the ward")
    assert (answer.status_code, said(answer)) == (200, "Accepted.")
    assert rows(billing) == [] and len(rows(billing, "accepted")) == 1
    page = text_of(billing.get(reverse("work_lists:override", args=[granted.id])))
    assert "Seen with the ward" in page and "Blood count" in page and "$65.00" in page
    with day.hospital.transaction():
        record = AuditRecord.objects.get(action="override.reviewed")
    assert (record.subject_id, record.data["verdict"]) == (granted.id, "accepted")


def test_a_dispute_says_why_and_what_was_typed_is_kept(day: BusyDay, billing: Client) -> None:
    granted = override_order(day)
    answer = send(billing, review_url(granted), verdict="disputed", note="  ")
    assert answer.status_code == 422
    assert "Say what is wrong with it." in answer.context["form"].errors["note"]
    assert answer.context["form"]["verdict"].value() == "disputed"
    send(billing, review_url(granted), verdict="disputed", note="Not urgent")
    assert len(rows(billing, "disputed")) == 1
    send(billing, review_url(granted), verdict="accepted", note="Explained since")
    assert rows(billing, "disputed") == [] and len(rows(billing, "accepted")) == 1


def test_a_review_sent_twice_is_one_review(day: BusyDay, billing: Client) -> None:
    granted = override_order(day)
    form = typed(billing.get(review_url(granted), headers=HTMX).context["form"], note="Fine")
    assert [billing.post(review_url(granted), form, headers=HTMX).status_code for _ in range(2)] == [200, 200]
    with day.hospital.transaction():
        assert OverrideReview.objects.count() == 1


def test_nobody_reviews_their_own_override(day: BusyDay) -> None:
    manager = member_client(day.hospital.id, "hospital_manager")
    step_url = reverse("work_lists:decision-override", args=[held_decision(day).id])
    answer = send(manager, step_url, reason="The patient deteriorates")
    assert answer.status_code == 200, text_of(answer)
    with day.hospital.transaction():
        granted = Override.objects.get()
    assert rows(manager)[0].actions[0].title == "Revoke"
    answer = send(manager, review_url(granted), note="I was right")
    assert answer.status_code == 422 and "Nobody reviews their own override" in text_of(answer)
    with day.hospital.transaction():
        assert not OverrideReview.objects.exists()


def test_the_database_refuses_a_review_of_ones_own_override(day: BusyDay) -> None:
    granted = override_order(day, process=False)
    for granter, reviewer in [(granted.created_by, granted.created_by), ("user:nobody", granted.created_by)]:
        with pytest.raises(IntegrityError), day.hospital.transaction(), transaction.atomic():
            OverrideReview.objects.create(
                hospital_id=day.hospital.id,
                override=granted,
                verdict="accepted",
                granted_by=granter,
                reviewed_by=reviewer,
                reviewed_at=AT,
                idempotency_key=f"own-{granter}",
                content_hash="",
            )
            connection.check_constraints()


def test_revoking_ends_it_and_is_refused_the_second_time(day: BusyDay, billing: Client) -> None:
    granted = override_order(day)
    url = reverse("work_lists:override-revoke", args=[granted.id])
    assert len(rows(billing, "in_force")) == 1
    assert send(billing, url, reason="Family has the money").status_code == 200
    assert rows(billing, "in_force") == [] and len(rows(billing, "revoked")) == 1
    answer = send(billing, url, reason="Once more")
    assert answer.status_code == 422 and "revoked already" in text_of(answer)
    with day.hospital.transaction():
        assert OverrideRevocation.objects.count() == 1


def held_decision(day: BusyDay) -> GateDecision:
    order = order_of(day)
    with day.hospital.transaction():
        return GateDecision.objects.get(order_id=order.id, outcome="held")


def test_a_held_decision_is_overridden_from_when_it_was_held(day: BusyDay) -> None:
    doctor = member_client(day.hospital.id, "doctor")
    held = held_decision(day)
    assert [
        row.url for row in doctor.get(reverse("work_lists:held")).context["rows"] if row.patient == "John Doe"
    ] == [reverse("work_lists:decision", args=[held.id])]
    page = text_of(doctor.get(reverse("work_lists:decision", args=[held.id])))
    assert "Held" in page and "$65.00" in page and "Override retroactively" in page
    answer = send(doctor, reverse("work_lists:decision-override", args=[held.id]), reason="Done by night")
    assert answer.status_code == 200, text_of(answer)
    with day.hospital.transaction():
        granted = Override.objects.get()
    assert (granted.held_decision_id, granted.starts_at) == (held.id, held.decided_at)
    assert "Done by night" in text_of(doctor.get(reverse("work_lists:decision", args=[held.id])))
    [row] = rows(member_client(day.hospital.id, "billing_staff"))
    assert row.retroactive and row.passed == "$65.00"


def test_a_decision_of_another_order_cannot_be_named(day: BusyDay) -> None:
    held = held_decision(day)
    with pytest.raises(Exception, match="no held decision"):
        override_order(
            day,
            process=False,
            subject=Subject(day.visits["John Doe"].id, order_of(day, "Jane Smith").id),
            held_decision_id=held.id,
        )


@pytest.mark.parametrize("show", ["yesterday", "\x00", "to_review'--"])
def test_an_unknown_list_is_not_there(billing: Client, show: str) -> None:
    assert billing.get(LIST, {"show": show}).status_code == 404


def test_a_list_costs_the_same_however_long_it_is(day: BusyDay, billing: Client) -> None:
    override_order(day)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert billing.get(LIST).status_code == 200
        counts.append(len(queries))
        for _again in range(5):
            override_order(day, process=False)
    assert counts[0] == counts[1] <= 12
