"""The cashier: everything owed together or in part, nothing twice, receipts that verify, and undoing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.hospitals.models import Hospital
from almoner.kernel.ids import new_id
from almoner.ledger.models import OpenItem
from almoner.pages import cashier as room
from almoner.pages.cashier.tickets import receipt_ticket
from almoner.payments.models import (
    Allocation,
    CashSession,
    Payment,
    PaymentVoid,
    Refund,
    RefundRequest,
    VoidRequest,
)
from almoner.scheduling.models import QueueToken
from tests.support.day import AT, BusyDay
from tests.support.pages import HTMX, member_client, said, templates_of, text_of, typed

MARIA = "Maria Silva"


@pytest.fixture
def cashier(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "cashier")


def account_url(day: BusyDay, patient: str = MARIA) -> str:
    return reverse("cashier:account", args=[day.patients[patient].id])


def owe_more(day: BusyDay, patient: str = MARIA) -> None:
    """A bandage of 11.00 beside the consultation of 75.00."""
    day.hospital.capture("service.provided", "bandage", encounter=day.visits[patient], at=AT)


def send(client: Client, url: str, **fields: object) -> HttpResponse:
    opened = client.get(url)
    assert opened.status_code == 200
    return client.post(url, typed(opened.context["form"], **fields), headers=HTMX)


def payments(day: BusyDay, patient: str = MARIA) -> list[Payment]:
    with day.hospital.transaction():
        account = day.patients[patient].account_id
        return list(Payment.objects.filter(patient_account=account).order_by("received_at", "id"))


def open_minor(day: BusyDay, patient: str = MARIA) -> list[int]:
    with day.hospital.transaction():
        rows = OpenItem.objects.filter(patient_account=day.patients[patient].account_id, patient_minor__gt=0)
        return sorted(rows.values_list("patient_minor", flat=True))


def receipt_of(client: Client, answer: HttpResponse) -> str:
    assert answer.status_code == 200, text_of(answer)
    return text_of(client.get(answer["HX-Redirect"]))


def test_one_search_leads_to_what_is_owed(day: BusyDay, cashier: Client) -> None:
    found = text_of(cashier.get(reverse("cashier:find"), {"q": "silva"}, headers=HTMX))
    assert "Maria Silva" in found and "Nobody" not in found
    whole = cashier.get(reverse("cashier:find"), {"q": "maria silva"})
    assert whole.status_code == 302 and whole["Location"] == account_url(day)
    assert "Nobody is found" in text_of(cashier.get(reverse("cashier:find"), {"q": "zzyx"}, headers=HTMX))


def test_everything_owed_is_paid_together_in_cash_with_change_kept_apart(
    day: BusyDay, cashier: Client
) -> None:
    owe_more(day)
    page = text_of(cashier.get(account_url(day)))
    assert "Consultation" in page and "Bandage" in page and "$86.00" in page
    receipt = receipt_of(cashier, send(cashier, account_url(day), tendered="100"))
    assert "Applied $86.00 Cash $86.00 Tendered $100.00 Change $14.00" in receipt
    [payment] = payments(day)
    assert (payment.amount_minor, payment.tendered_minor, payment.change_minor) == (8600, 10000, 1400)
    assert open_minor(day) == []
    with day.hospital.transaction():
        assert Allocation.objects.filter(payment=payment).count() == 2
    assert "Nothing is owed" in text_of(cashier.get(account_url(day)))


def test_a_part_and_a_single_charge_can_be_paid(day: BusyDay, cashier: Client) -> None:
    owe_more(day)
    items = cashier.get(account_url(day)).context["form"]["items"].value()
    bandage = next(str(one) for one in items if str(one).endswith(":1100"))
    assert receipt_of(cashier, send(cashier, account_url(day), items=[bandage], method="card"))
    assert open_minor(day) == [7500]
    assert receipt_of(cashier, send(cashier, account_url(day), amount="25", method="card"))
    assert open_minor(day) == [5000]


def test_the_same_form_sent_twice_is_one_payment_and_one_receipt(day: BusyDay, cashier: Client) -> None:
    fields = typed(cashier.get(account_url(day)).context["form"])
    first, again = (cashier.post(account_url(day), fields, headers=HTMX) for _ in range(2))
    assert first["HX-Redirect"] == again["HX-Redirect"]
    assert len(payments(day)) == 1
    other = cashier.post(account_url(day), {**fields, "amount": "10"}, headers=HTMX)
    assert other.status_code == 422 and "was sent before" in text_of(other)


def test_two_tabs_take_what_is_owed_once_and_the_second_keeps_what_was_typed(
    day: BusyDay, cashier: Client
) -> None:
    one, two = (typed(cashier.get(account_url(day)).context["form"]) for _ in range(2))
    assert cashier.post(account_url(day), one, headers=HTMX).status_code == 200
    late = cashier.post(account_url(day), {**two, "reference": "slip 77"}, headers=HTMX)
    assert late.status_code == 422
    assert "has been paid meanwhile. Nothing was taken" in text_of(late)
    assert "slip 77" in late.content.decode() and "Nothing is owed" in text_of(late)
    assert len(payments(day)) == 1


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"amount": "80"}, "The ticked charges come to $75.00"),
        ({"amount": "a lot"}, "Expected an amount"),
        ({"items": []}, "Tick a charge"),
        ({"items": ["nonsense:5"]}, "Choose among the charges"),
        ({"items": [f"{UUID(int=1)}:-5"]}, "Choose among the charges"),
        ({"tendered": "20"}, "less than the $75.00"),
        ({"tendered": "100", "method": "card"}, "Only cash gives change"),
        ({"cash_point": "elsewhere"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_taken(
    day: BusyDay, cashier: Client, fields: dict[str, Any], problem: str
) -> None:
    opened = typed(cashier.get(account_url(day)).context["form"])
    answer = cashier.post(account_url(day), {**opened, "reference": "slip 77", **fields}, headers=HTMX)
    assert answer.status_code == 422 and problem in text_of(answer)
    assert "slip 77" in answer.content.decode()
    assert payments(day) == [] and open_minor(day) == [7500]


def test_what_is_above_is_kept_as_a_deposit_and_pays_a_later_charge(day: BusyDay, cashier: Client) -> None:
    receipt = receipt_of(cashier, send(cashier, account_url(day), amount="100", keep="on", method="card"))
    assert "Kept as a deposit $25.00" in receipt
    owe_more(day)
    opened = cashier.get(account_url(day))
    assert "$25.00 is held as a deposit" in text_of(opened)
    url = reverse("cashier:use-deposit", args=[day.patients[MARIA].id])
    fields = typed(opened.context["form"])
    for _ in range(2):
        assert cashier.post(url, fields, headers=HTMX)["HX-Redirect"] == account_url(day)
    assert open_minor(day) == []
    assert payments(day)[0].unallocated_minor == 1400
    nothing = cashier.post(url, {**fields, "items": []}, headers=HTMX)
    assert nothing.status_code == 422 and "Tick the charges" in said(nothing)


def test_the_change_is_told_while_it_is_typed(day: BusyDay, cashier: Client) -> None:
    fields = typed(cashier.get(account_url(day)).context["form"], tendered="100")
    url = reverse("cashier:total", args=[day.patients[MARIA].id])
    assert text_of(cashier.get(url, fields, headers=HTMX)) == "Ticked $75.00 Change to give $25.00"
    assert text_of(cashier.get(url, {"items": "x", "tendered": "y"}, headers=HTMX)) == "Ticked $0.00"


def test_a_second_print_is_marked_as_a_copy_with_who_and_when_and_verifies(
    day: BusyDay, cashier: Client
) -> None:
    send(cashier, account_url(day), method="card")
    [payment] = payments(day)
    marks = []
    for paper in ("80mm", "a4"):
        printed = cashier.post(reverse("cashier:print", args=[payment.id, paper]), headers=HTMX)
        shown = cashier.get(printed["HX-Redirect"])
        marks.append("Copy 2, printed Mar 2, 2026 3:20" in text_of(shown).replace("\u202f", " "))
        assert f"paper-{paper}" in shown.content.decode() and "<svg" in shown.content.decode()
    assert marks == [False, True]
    assert cashier.post(reverse("cashier:print", args=[payment.id, "a3"]), headers=HTMX).status_code == 404

    address = reverse("cashier:verify", args=[receipt_ticket(day.hospital.id, payment.id)])
    assert address in shown.content.decode()
    verified = text_of(Client().get(address))
    assert "issued here and is valid" in verified and payment.receipt in verified and "$75.00" in verified
    assert "Maria" not in verified
    for ticket in (receipt_ticket(day.hospital.id, new_id()), address.split("/")[-2][:-1] + "!", "x"):
        assert Client().get(reverse("cashier:verify", args=[ticket])).status_code == 404


def test_billing_staff_void_and_refund_with_a_reason_once(day: BusyDay, cashier: Client) -> None:
    send(cashier, account_url(day), method="card")
    [payment] = payments(day)
    billing = member_client(day.hospital.id, "billing_staff")
    url = reverse("cashier:refund", args=[payment.id])
    opened = billing.get(url, headers=HTMX).context["form"]
    assert "This field is required" in text_of(billing.post(url, typed(opened), headers=HTMX))
    too_much = billing.post(url, typed(opened, amount="80", reason="x"), headers=HTMX)
    assert too_much.status_code == 422 and "Only $75.00 can be given back" in text_of(too_much)
    part = typed(opened, amount="10", reason="Overcharged")
    for _ in range(2):
        assert said(billing.post(url, part, headers=HTMX)) == "Give $10.00 back."
    with day.hospital.transaction():
        assert [refund.amount_minor for refund in Refund.objects.filter(payment=payment)] == [1000]
    page = text_of(billing.get(reverse("cashier:receipt", args=[payment.id])))
    assert "Refunded since $10.00" in page

    send(cashier, account_url(day), method="card")
    wrong = next(one for one in payments(day) if one.id != payment.id)
    ask = reverse("cashier:void", args=[wrong.id])
    sent = typed(cashier.get(ask, headers=HTMX).context["form"], reason="Wrong patient")
    for _ in range(2):
        assert "stands until somebody else" in said(cashier.post(ask, sent, headers=HTMX))
    assert open_minor(day) == []
    asker = text_of(cashier.get(reverse("cashier:receipt", args=[wrong.id])))
    assert "A void was asked for Wrong patient" in asker and "decided by: Billing staff" in asker
    assert "Voids to decide 1" in text_of(billing.get(reverse("cashier:desk")))
    page = billing.get(reverse("cashier:receipt", args=[wrong.id])).content.decode()
    approve = next(part for part in page.split('"') if part.endswith("/approve/"))
    for _ in range(2):
        assert "is void" in said(billing.post(approve, headers=HTMX))
    with day.hospital.transaction():
        assert PaymentVoid.objects.filter(payment=wrong).count() == 1
    assert open_minor(day) == [1000]
    assert "VOID since" in text_of(billing.get(reverse("cashier:receipt", args=[wrong.id])))
    assert "Voids to decide" not in text_of(billing.get(reverse("cashier:desk")))


def test_nobody_approves_their_own_request_and_a_refusal_says_why(day: BusyDay, cashier: Client) -> None:
    send(cashier, account_url(day), method="card")
    [payment] = payments(day)
    billing = member_client(day.hospital.id, "billing_staff")
    send(billing, reverse("cashier:void", args=[payment.id]), reason="Twice")
    page = billing.get(reverse("cashier:receipt", args=[payment.id]))
    assert "You asked for this: somebody else decides." in text_of(page)
    with day.hospital.transaction():
        asked = VoidRequest.objects.get()
    own = billing.post(reverse("cashier:approve-void", args=[asked.id]), headers=HTMX)
    assert own.status_code == 409 and "somebody else decides" in said(own)
    administrator = member_client(day.hospital.id, "administrator")
    refuse = reverse("cashier:refuse-void", args=[asked.id])
    assert send(administrator, refuse, reason="").status_code == 422
    assert "The payment stands" in said(send(administrator, refuse, reason="It was right"))
    assert open_minor(day) == []


def test_a_part_by_card_and_the_rest_in_cash_are_one_receipt(day: BusyDay, cashier: Client) -> None:
    owe_more(day)
    fields = typed(cashier.get(account_url(day)).context["form"], part_card="36", reference_card="auth 7")
    told = text_of(
        cashier.get(
            reverse("cashier:total", args=[day.patients[MARIA].id]),
            {**fields, "tendered": "60"},
            headers=HTMX,
        )
    )
    assert told == "Ticked $86.00 Cash $50.00 Card $36.00 Change to give $10.00"
    answer = cashier.post(account_url(day), {**fields, "tendered": "60"}, headers=HTMX)
    receipt = receipt_of(cashier, answer)
    assert "Applied $86.00 Cash $50.00 Tendered $60.00 Change $10.00 Card auth 7 $36.00" in receipt
    [payment] = payments(day)
    assert (payment.method, payment.amount_minor, payment.change_minor) == ("several", 8600, 1000)
    desk = text_of(cashier.get(reverse("cashier:desk")))
    assert "Cash + Card" in desk and "Card $111.00" in desk


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"part_card": "80"}, "The parts come to $80.00, the payment to $75.00"),
        ({"part_card": "30", "part_cash": "30"}, "The parts come to $60.00"),
        ({"part_card": "75", "tendered": "20"}, "Only cash gives change"),
        ({"part_card": "25", "tendered": "20"}, "less than the $50.00 to take in cash"),
    ],
)
def test_parts_that_do_not_add_up_are_said_at_their_field(
    day: BusyDay, cashier: Client, fields: dict[str, Any], problem: str
) -> None:
    answer = send(cashier, account_url(day), **fields)
    assert answer.status_code == 422 and problem in text_of(answer)
    assert payments(day) == []


@pytest.mark.parametrize("what", ["ticket", "number", "visit", "token"])
def test_a_scanned_code_and_every_number_lead_to_the_right_page(
    day: BusyDay, cashier: Client, what: str
) -> None:
    send(cashier, account_url(day), method="card")
    [payment] = payments(day)
    receipt = reverse("cashier:receipt", args=[payment.id])
    with day.hospital.transaction():
        number = QueueToken.objects.get(encounter=day.visits[MARIA]).number
    ticket = receipt_ticket(day.hospital.id, payment.id)
    address = f"https://billing.stbrigid.example{reverse('cashier:verify', args=[ticket])}"
    typed_text, page = {
        "ticket": (address, receipt),
        "number": (payment.receipt, receipt),
        "visit": (day.visits[MARIA].number, account_url(day)),
        "token": (f"#{number}", ""),
    }[what]
    answer = cashier.get(reverse("cashier:find"), {"q": typed_text})
    if page:
        assert answer["Location"] == page
    else:
        assert f"Cardiology #{number}" in text_of(answer) and MARIA in text_of(answer)
    elsewhere = receipt_ticket(new_id(), payment.id)
    nothing = cashier.get(reverse("cashier:find"), {"q": f"https://x.example/cashier/verify/{elsewhere}/"})
    assert nothing.status_code == 200 and "Nobody is found" in text_of(nothing)


def test_the_day_lists_payments_and_sums_by_method(day: BusyDay, cashier: Client) -> None:
    page = text_of(cashier.get(reverse("cashier:desk")))
    assert "Samuel Osei" in page and "MAIN-2026-" in page
    assert "Cash to be counted" in page and "Mobile money $300.00" in page
    office = member_client(day.hospital.id, "billing_staff")
    assert "Cash $215.00 $75.00 $140.00" in text_of(office.get(reverse("cashier:desk")))
    assert cashier.get(reverse("cashier:desk"), {"point": "main"}).status_code == 200
    assert cashier.get(reverse("cashier:desk"), {"point": "nowhere"}).status_code == 404


def test_others_are_told_who_can_and_strange_ids_are_not_there(day: BusyDay, cashier: Client) -> None:
    send(cashier, account_url(day), method="card")
    [payment] = payments(day)
    nurse = member_client(day.hospital.id, "ward_nurse")
    patient = day.patients[MARIA].id
    for name, args in [
        ("desk", []),
        ("find", []),
        ("account", [patient]),
        ("total", [patient]),
        ("receipt", [payment.id]),
        ("paper", [payment.id, "a4"]),
    ]:
        page = nurse.get(reverse(f"cashier:{name}", args=args))
        assert page.status_code == 403 and "Cashier" in page.content.decode()
    for name, args in [("account", [patient]), ("use-deposit", [patient]), ("print", [payment.id, "a4"])]:
        answer = nurse.post(reverse(f"cashier:{name}", args=args), headers=HTMX)
        assert answer.status_code == 403 and "Cashier" in said(answer)
    for name, row in (("refund", payment.id), ("approve-void", new_id()), ("refuse-void", new_id())):
        answer = cashier.post(reverse(f"cashier:{name}", args=[row]), {"reason": "x"}, headers=HTMX)
        assert answer.status_code == 403 and said(answer) == "This is done by: Billing staff, Administrator."
    with day.hospital.transaction():
        assert not PaymentVoid.objects.exists()
    assert cashier.get(reverse("cashier:account", args=[new_id()])).status_code == 404
    assert cashier.get(reverse("cashier:receipt", args=[new_id()])).status_code == 404


def test_a_page_takes_at_most_twelve_statements_however_long_its_list(day: BusyDay, cashier: Client) -> None:
    send(cashier, account_url(day), amount="5", method="card")
    [payment] = payments(day)
    with day.hospital.transaction():
        drawer = CashSession.objects.get()
    counts = []
    for more in (0, 12):
        for _ in range(more):
            owe_more(day)
            day.hospital.pay(day.patients[MARIA], 100, at=AT)
        for url in (
            reverse("cashier:desk"),
            account_url(day),
            reverse("cashier:receipt", args=[payment.id]),
            reverse("cashier:paper", args=[payment.id, "a4"]),
            reverse("cashier:sessions"),
            reverse("cashier:session", args=[drawer.id]),
            reverse("cashier:close-drawer", args=[drawer.id]),
        ):
            with CaptureQueriesContext(connection) as captured:
                assert cashier.get(url).status_code == 200
            counts.append(len(captured))
    assert max(counts) <= 12
    assert counts[:7] == counts[7:]


def test_every_template_of_the_cashier_is_rendered(day: BusyDay, cashier: Client, rendered: Any) -> None:
    opened = cashier.get(account_url(day))
    cashier.get(reverse("cashier:total", args=[day.patients[MARIA].id]), {"tendered": "1"})
    cashier.post(account_url(day), typed(opened.context["form"], method="card"), headers=HTMX)
    [payment] = payments(day)
    for name in ("receipt", "void"):
        member_client(day.hospital.id, "billing_staff").get(reverse(f"cashier:{name}", args=[payment.id]))
    cashier.get(reverse("cashier:desk"))
    cashier.get(reverse("cashier:find"), {"q": "zzyx"})
    cashier.get(reverse("cashier:paper", args=[payment.id, "80mm"]))
    cashier.get(reverse("cashier:verify", args=[receipt_ticket(day.hospital.id, payment.id)]))
    with day.hospital.transaction():
        drawer = CashSession.objects.get()
    for name in ("session", "close-drawer", "move-cash"):
        assert cashier.get(reverse(f"cashier:{name}", args=[drawer.id])).status_code == 200
    cashier.get(reverse("cashier:session-paper", args=[drawer.id, "a4"]))
    cashier.get(reverse("cashier:sessions"))
    member_client(day.hospital.id, "receptionist").get(reverse("cashier:open-drawer"))
    assert templates_of(room) - rendered == set()


def test_a_refund_above_the_limit_is_asked_for_and_decided_by_somebody_else(
    day: BusyDay, cashier: Client
) -> None:
    Hospital.objects.filter(id=day.hospital.id).update(refund_approval_above_minor=2000)
    office, other = (
        member_client(day.hospital.id, "billing_staff"),
        member_client(day.hospital.id, "administrator"),
    )
    paid = day.hospital.pay(day.patients["Maria Silva"], 5000, method="card", excess="deposit", at=AT)
    receipt = reverse("cashier:receipt", args=[paid.payment_id])
    refund = reverse("cashier:refund", args=[paid.payment_id])
    opened = office.get(refund, headers=HTMX)
    assert "More than $20.00 of a payment is approved by a second person." in text_of(opened)
    sent = typed(opened.context["form"], amount="30", reason="Paid twice")
    for _ in range(2):
        assert "until somebody else approves it" in said(office.post(refund, sent, headers=HTMX))
    with day.hospital.transaction():
        asked = RefundRequest.objects.get()
    mine = text_of(office.get(receipt))
    assert "A refund of $30.00 was asked for" in mine and "You asked for this" in mine
    approve = reverse("cashier:approve-refund", args=[asked.id])
    assert office.post(approve, headers=HTMX).status_code == 409
    assert "Refunds to decide" in text_of(other.get(reverse("cashier:desk")))
    dialog = other.get(reverse("cashier:refuse-refund", args=[asked.id]), headers=HTMX)
    assert "Paid twice" in text_of(dialog)
    assert said(other.post(approve, headers=HTMX)) == "Approved. Give $30.00 back."
    with day.hospital.transaction():
        assert Refund.objects.get(payment=paid.payment_id).amount_minor == 3000
    assert "Refunds to decide" not in text_of(other.get(reverse("cashier:desk")))
