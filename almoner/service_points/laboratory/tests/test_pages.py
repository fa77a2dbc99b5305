"""The laboratory's pages: before payment patient, number and amount; afterwards tests, results, a report."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from almoner.charging.models import ChargeItem
from almoner.identity.roles import ROLES
from almoner.kernel.ids import new_id
from almoner.orders.models import TestOrder, TestOrderLine
from almoner.service_points import laboratory
from almoner.service_points.laboratory.models import (
    LaboratorySettings,
    Processing,
    ReferenceRange,
    Sample,
    TestResult,
)
from tests.support.day import AT, BusyDay
from tests.support.hospital import enforce
from tests.support.pages import HTMX, member_client, said, templates_of, text_of, typed

MAXIMUM_STATEMENTS = 12
ALLOWED = {"administrator", "laboratory_technician"}


@pytest.fixture
def technician(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "laboratory_technician")


def order_of(day: BusyDay, name: str) -> UUID:
    with day.hospital.transaction():
        return TestOrder.objects.get(patient=day.patients[name].id).id


def line_of(day: BusyDay, name: str) -> UUID:
    with day.hospital.transaction():
        line = TestOrderLine.objects.get(order=order_of(day, name), service__code="blood_count")
        return line.id


def pay(day: BusyDay, name: str) -> None:
    with day.hospital.transaction():
        items = list(ChargeItem.objects.filter(order_id=order_of(day, name)))
    shares = [(item.id, item.net_minor) for item in items]
    day.hospital.pay(day.patients[name], 6500, shares=shares, at=AT)


def addresses(order_id: UUID, line_id: UUID) -> list[str]:
    order = f"/laboratory/orders/{order_id}/"
    return [
        "/laboratory/",
        "/laboratory/done/",
        order,
        f"{order}results/",
        f"{order}verify/",
        f"{order}report/",
        f"{order}report.pdf",
        f"{order}tests/{line_id}/range/",
    ]


def enter(client: Client, order_id: UUID, **values: str) -> Any:
    address = f"/laboratory/orders/{order_id}/results/"
    form = client.get(address).context["form"]
    by_name = {form[name].label: name for name in form.fields}
    return client.post(
        address, typed(form, **{by_name[name.replace("_", " ")]: value for name, value in values.items()})
    )


def test_the_work_list_says_of_an_unpaid_order_what_the_specification_prints(
    day: BusyDay, technician: Client
) -> None:
    page = text_of(technician.get("/laboratory/"))
    assert "John Doe - Lab Order LAB-1 - Payment Required: $65.00" in page
    assert "Jane Smith" in page and "Blood count, Lipid panel" in page


def test_before_payment_no_answer_names_a_test(day: BusyDay, technician: Client) -> None:
    """Every page of the laboratory, every dialog, the patient's page and the search, sent and received."""
    with day.hospital.transaction():
        TestOrder.objects.exclude(id=order_of(day, "John Doe")).update(cancelled_at=AT)
    order_id, line_id = order_of(day, "John Doe"), line_of(day, "John Doe")
    answers = [
        technician.get(address, headers=headers)
        for address in [address for address in addresses(order_id, line_id) if "done" not in address]
        + [f"/patients/{day.patients['John Doe'].id}/", "/search/?q=LAB-1", "/search/?q=John"]
        for headers in ({}, HTMX)
    ]
    answers.append(technician.post(f"/laboratory/orders/{order_id}/process/"))
    answers.append(technician.post(f"/laboratory/orders/{order_id}/results/", {f"value_{line_id}": "4"}))
    for answer in answers:
        told = answer.content.decode().lower() + str(answer.headers).lower()
        assert not any(word in told for word in ("blood_count", "blood count", "lipid")), answer.request
    with day.hospital.transaction():
        assert not Processing.objects.filter(order=order_id).exists()


def test_a_held_order_offers_its_actions_and_says_who_may(day: BusyDay, technician: Client) -> None:
    page = text_of(technician.get(f"/laboratory/orders/{order_of(day, 'John Doe')}/"))
    assert "Process samples" in page and "Process payment" in page and "Emergency override" in page
    assert "This is done by: Receptionist, Cashier" in page and "Tests" not in page


def test_a_payment_shows_the_tests_on_the_open_page(day: BusyDay, technician: Client) -> None:
    page = technician.get(f"/laboratory/orders/{order_of(day, 'John Doe')}/")
    live = page.context["live"]["url"]
    assert technician.get(live, headers=HTMX).status_code == 204
    pay(day, "John Doe")
    assert "Blood count" in text_of(technician.get(live, headers=HTMX))
    assert "LAB-1 - Payment" not in text_of(technician.get("/laboratory/"))


def test_samples_are_processed_once_and_not_while_held(day: BusyDay, technician: Client) -> None:
    order_id = order_of(day, "John Doe")
    address = f"/laboratory/orders/{order_id}/process/"
    refused = technician.post(address, headers=HTMX)
    assert refused.status_code == 409 and "Payment required" in said(refused)
    pay(day, "John Doe")
    assert said(technician.post(address)) == said(technician.post(address)) == "The samples are in work."
    with day.hospital.transaction():
        assert Processing.objects.filter(order=order_id).count() == 1


def test_results_get_the_range_of_their_time_and_a_flag(day: BusyDay, technician: Client) -> None:
    order_id, line_id = order_of(day, "Jane Smith"), line_of(day, "Jane Smith")
    address = f"/laboratory/orders/{order_id}/tests/{line_id}/range/"
    form = technician.get(address).context["form"]
    assert said(technician.post(address, typed(form, low="4", high="10.5", unit="10⁹/L"))).startswith("The r")
    assert said(enter(technician, order_id, Blood_count="11.2")) == "The results are saved."
    page = text_of(technician.get(f"/laboratory/orders/{order_id}/"))
    assert "11.2 10⁹/L High 4 – 10.5 10⁹/L" in page
    technician.post(address, typed(technician.get(address).context["form"], low="4", high="12"))
    report = text_of(technician.get(f"/laboratory/orders/{order_id}/report/"))
    assert "11.2 10⁹/L High 4 – 10.5" in report and "Preliminary" in report


def test_a_form_sent_twice_writes_results_and_range_once(day: BusyDay, technician: Client) -> None:
    order_id, line_id = order_of(day, "Jane Smith"), line_of(day, "Jane Smith")
    for _ in range(2):
        enter(technician, order_id, Blood_count="5")
        technician.post(
            f"/laboratory/orders/{order_id}/tests/{line_id}/range/",
            {"low": "4", "idempotency_key": "page:range"},
        )
    with day.hospital.transaction():
        assert TestResult.objects.count() == ReferenceRange.objects.count() == 1


def test_an_order_is_done_with_its_last_result_and_a_correction_stands(
    day: BusyDay, technician: Client
) -> None:
    order_id = order_of(day, "Jane Smith")
    enter(technician, order_id, Blood_count="5")
    assert "1 of 2 results" in text_of(technician.get("/laboratory/"))
    enter(technician, order_id, Lipid_panel="normal")
    assert "Jane Smith" not in text_of(technician.get("/laboratory/"))
    assert "Jane Smith" in text_of(technician.get("/laboratory/done/"))
    enter(technician, order_id, Blood_count="6")
    report = text_of(technician.get(f"/laboratory/orders/{order_id}/report/"))
    assert "Blood count corrected Mar 2, 2026 3:20 PM 6" in report.replace("\u202f", " ")
    assert "Corrected report" in report and "Preliminary" not in report


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"low": "", "high": ""}, "A range has a lower or an upper bound."),
        ({"low": "5", "high": "4"}, "Expected at least the lower bound."),
        ({"low": "many", "high": "4"}, "Enter a number."),
    ],
)
def test_a_range_that_cannot_be_is_refused_at_its_field(
    day: BusyDay, technician: Client, values: dict[str, str], problem: str
) -> None:
    order_id, line_id = order_of(day, "Jane Smith"), line_of(day, "Jane Smith")
    answer = technician.post(
        f"/laboratory/orders/{order_id}/tests/{line_id}/range/", {**values, "idempotency_key": "page:range"}
    )
    assert answer.status_code == 422 and problem in text_of(answer)


def test_empty_results_and_a_removed_one_are_refused(day: BusyDay, technician: Client) -> None:
    order_id = order_of(day, "Jane Smith")
    assert "Enter at least one result." in text_of(enter(technician, order_id))
    enter(technician, order_id, Blood_count="5", Lipid_panel="normal")
    assert "not taken away" in text_of(enter(technician, order_id, Blood_count=""))


def test_what_is_not_hidden_is_listed_held_and_shown_on_its_page(day: BusyDay, technician: Client) -> None:
    enforce(day.hospital, "department", "laboratory", hide_test_details="disabled")
    assert "LAB-1 - Payment Required" in text_of(technician.get("/laboratory/"))
    assert "Blood count" in text_of(technician.get(f"/laboratory/orders/{order_of(day, 'John Doe')}/"))


def test_an_order_of_nowhere_is_not_found(day: BusyDay, technician: Client) -> None:
    for address in addresses(new_id(), new_id())[2:]:
        assert technician.get(address).status_code == 404
    assert technician.post(f"/laboratory/orders/{new_id()}/process/").status_code == 404


@pytest.mark.parametrize("role", sorted(ROLES))
def test_only_the_laboratory_comes_in_and_others_learn_who_may(day: BusyDay, role: str) -> None:
    client = member_client(day.hospital.id, role)
    order_id, line_id = order_of(day, "Jane Smith"), line_of(day, "Jane Smith")
    answers = [client.get(address) for address in addresses(order_id, line_id)]
    answers.append(client.post(f"/laboratory/orders/{order_of(day, 'John Doe')}/process/"))
    if role in ALLOWED:
        assert [answer.status_code for answer in answers] == [200] * 8 + [409]
    else:
        assert {answer.status_code for answer in answers} == {403}
        assert all("Laboratory technician" in text_of(answer) for answer in answers)


@pytest.mark.parametrize("which", range(3))
def test_a_page_takes_few_statements_however_long_its_lists(
    day: BusyDay, technician: Client, which: int
) -> None:
    if which == 1:
        enter(technician, order_of(day, "Jane Smith"), Blood_count="5", Lipid_panel="normal")
    address = addresses(order_of(day, "Jane Smith"), line_of(day, "Jane Smith"))[which]
    technician.get(address)
    with CaptureQueriesContext(connection) as queries:
        technician.get(address)
    sent = [query["sql"] for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(sent) <= MAXIMUM_STATEMENTS, sent


def test_every_template_is_drawn_with_what_it_asks_for(
    day: BusyDay, technician: Client, rendered: set[str]
) -> None:
    order_id, line_id = order_of(day, "Jane Smith"), line_of(day, "Jane Smith")
    for address in addresses(order_id, line_id):
        technician.get(address)
    technician.post(f"/laboratory/orders/{order_id}/samples/")
    set_range(technician, order_id, line_id, low="4", high="10", critical_high="20")
    enter(technician, order_id, Blood_count="25", Lipid_panel="normal")
    critical = result_of(day, "Jane Smith")
    for address in [
        *addresses(order_id, line_id),
        f"/laboratory/orders/{order_id}/labels/",
        f"/laboratory/orders/{order_id}/samples/{sample_of(day, 'Jane Smith').id}/reject/",
        f"/laboratory/orders/{order_id}/results/{critical.id}/tell/",
    ]:
        assert technician.get(address).status_code == 200
    assert templates_of(laboratory) - rendered == set()


def test_samples_are_collected_once_labelled_received_rejected_and_found_by_their_number(
    day: BusyDay, technician: Client
) -> None:
    order_id = order_of(day, "Jane Smith")
    order = f"/laboratory/orders/{order_id}/"
    assert technician.get(f"{order}labels/").status_code == 404
    assert said(technician.post(f"{order}samples/")) == "1 sample is collected."
    assert said(technician.post(f"{order}samples/")) == "Every sample was collected before."
    sample = sample_of(day, "Jane Smith")
    assert sample.accession_number == "S26-000001"
    labels = technician.get(f"{order}labels/").content.decode()
    assert "Jane Smith" in labels and 'aria-label="S26-000001"' in labels and "<path d=" in labels
    assert "blood" not in labels.lower() and "lipid" not in labels.lower() and "style=" not in labels
    for address in ("/laboratory/scan/?number= s26-000001", "/search/?q=S26-000001"):
        assert technician.get(address)["Location"] == order
    assert "S26-000001" in text_of(technician.get("/search/?q=S26-000001", headers=HTMX))
    assert technician.get("/laboratory/scan/?number=S26-000009").status_code == 404
    assert said(technician.post(f"{order}samples/{sample.id}/receive/")) == "The sample is received."
    reject = f"{order}samples/{sample.id}/reject/"
    empty = technician.post(reject, typed(technician.get(reject).context["form"]))
    assert empty.status_code == 422 and "required" in text_of(empty)
    technician.post(reject, typed(technician.get(reject).context["form"], reason="clotted"))
    page = text_of(technician.get(order))
    assert "Rejected" in page and "clotted" in page and "Collect again" in page
    assert "another one first" in text_of(enter(technician, order_id, Blood_count="5"))
    assert said(technician.post(f"{order}samples/")) == "1 sample is collected."
    assert said(enter(technician, order_id, Blood_count="5")) == "The results are saved."


def test_nobody_but_the_bench_finds_an_order_by_its_sample(day: BusyDay, technician: Client) -> None:
    technician.post(f"/laboratory/orders/{order_of(day, 'Jane Smith')}/samples/")
    answer = member_client(day.hospital.id, "cashier").get("/search/?q=S26-000001")
    assert answer.status_code == 200 and "/laboratory/" not in answer.content.decode().split("<main")[1]


def test_a_second_person_verifies_and_only_then_the_doctor_reads_it(day: BusyDay, technician: Client) -> None:
    verify_results(day)
    order_id = order_of(day, "Jane Smith")
    address = f"/laboratory/orders/{order_id}/verify/"
    visit = f"/consultation/visits/{day.visits['Jane Smith'].id}/"
    doctor = member_client(day.hospital.id, "doctor")
    enter(technician, order_id, Blood_count="5.25", Lipid_panel="normal")
    assert "5.25" not in text_of(doctor.get(visit))
    assert "nothing for you to verify" in text_of(technician.get(address))
    assert "A second person" in text_of(technician.get(f"/laboratory/orders/{order_id}/"))
    mine = technician.post(
        address, {"idempotency_key": "page:mine", "results": result_of(day, "Jane Smith").id}
    )
    assert mine.status_code == 422
    second = member_client(day.hospital.id, "administrator")
    assert "5.25" in text_of(second.get(address))
    answer = second.post(address, {**typed(second.get(address).context["form"])})
    assert said(answer) == "The results are verified and released."
    assert "5.25" in text_of(doctor.get(visit))
    assert "Jane Smith" in text_of(technician.get("/laboratory/done/"))
    report = text_of(technician.get(f"/laboratory/orders/{order_id}/report/"))
    assert "Verified by Grace Adeyemi" in report


def test_a_critical_value_waits_until_somebody_was_told(day: BusyDay, technician: Client) -> None:
    order_id, line_id = order_of(day, "Jane Smith"), line_of(day, "Jane Smith")
    set_range(technician, order_id, line_id, low="4", high="10", critical_low="1", critical_high="20")
    enter(technician, order_id, Blood_count="25", Lipid_panel="normal")
    assert "critical: tell" in text_of(technician.get("/laboratory/"))
    assert "Critically high" in text_of(technician.get(f"/laboratory/orders/{order_id}/"))
    tell = f"/laboratory/orders/{order_id}/results/{result_of(day, 'Jane Smith').id}/tell/"
    assert technician.post(tell, typed(technician.get(tell).context["form"])).status_code == 422
    told = technician.post(tell, typed(technician.get(tell).context["form"], told_to="Dr. Rao, by phone"))
    assert said(told) == "It is noted who was told."
    assert "told to Dr. Rao, by phone" in text_of(technician.get(f"/laboratory/orders/{order_id}/"))
    assert "Jane Smith" in text_of(technician.get("/laboratory/done/"))


def test_the_report_is_a_pdf_that_can_spell_the_patient_s_name(day: BusyDay, technician: Client) -> None:
    from almoner.patients.models import Patient

    with day.hospital.transaction():
        Patient.objects.filter(id=day.patients["Jane Smith"].id).update(name="محمد क्षितिज 王")
    enter(technician, order_of(day, "Jane Smith"), Blood_count="5")
    answer = technician.get(f"/laboratory/orders/{order_of(day, 'Jane Smith')}/report.pdf")
    assert answer["Content-Type"] == "application/pdf" and answer.content.startswith(b"%PDF-")
    assert answer["Content-Disposition"].startswith('inline; filename="LAB-')


def set_range(client: Client, order_id: UUID, line_id: UUID, **bounds: str) -> None:
    address = f"/laboratory/orders/{order_id}/tests/{line_id}/range/"
    answer = client.post(address, typed(client.get(address).context["form"], **bounds))
    assert answer.status_code == 200, text_of(answer)


def verify_results(day: BusyDay) -> None:
    with day.hospital.transaction():
        LaboratorySettings.objects.create(hospital_id=day.hospital.id, verify_results=True)


def result_of(day: BusyDay, name: str) -> TestResult:
    with day.hospital.transaction():
        return TestResult.objects.filter(order_line=line_of(day, name)).latest("version")


def sample_of(day: BusyDay, name: str) -> Sample:
    with day.hospital.transaction():
        return Sample.objects.filter(order=order_of(day, name)).latest("accession_number")
