"""Every story of docs/explanation/posting.md, told by the real operations against PostgreSQL."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid5

import pytest

from almoner.charging import operations as charging
from almoner.charging.accrual.periods import Occupancy
from almoner.charging.accrual.planning import Stay, plan_stay
from almoner.charging.accrual.writing import Due, write
from almoner.charging.models import ChargeItem, ChargeRule
from almoner.charging.queries import book_in_force
from almoner.hospitals.models import Hospital, Ward
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict
from almoner.kernel.ids import new_id
from almoner.kernel.money import parse_minor
from almoner.ledger.chart import CHART
from almoner.ledger.models import JournalEntry, Posting
from almoner.payments import operations as payments
from almoner.payments.models import Payment
from tests.docs.tables import ROOT, Row, read_rows, read_tables
from tests.support.day import make_member
from tests.support.hospital import (
    NOON,
    SERVICE_PROVIDED,
    TEST_ORDERED,
    TestHospital,
    TestPatient,
    make_hospital,
)

PAGE = "explanation/posting.md"
COLUMNS = ("step", "entry", "debit", "credit", "patient owes", "payer owes", "deposits")
OTHER_TABLES = ("Chart of accounts", "Where money received is debited")
STORIES = [name for name in read_tables(PAGE) if name not in OTHER_TABLES]

Lines = tuple[tuple[str, int], ...]


def minor(text: str) -> int:
    return parse_minor(text, "USD")


def lines(text: str, sign: int) -> list[tuple[str, int]]:
    """``bank 50.00; revenue 1.00`` as (account, signed minor units)."""
    parts = (part.rsplit(" ", 1) for part in text.split("; ") if part)
    return [(account, sign * minor(amount)) for account, amount in parts]


@dataclass
class Story:
    """A patient of a hospital, and what was charged and paid so far."""

    hospital: TestHospital
    patient: TestPatient
    charges: dict[str, UUID] = field(default_factory=dict)
    last_payment: UUID | None = None
    drawer: UUID | None = None

    def order(self, service: str, quantity: str | None) -> None:
        self._capture(TEST_ORDERED, service, quantity)

    def provide(self, service: str, quantity: str | None) -> None:
        self._capture(SERVICE_PROVIDED, service, quantity)

    def _capture(self, kind: str, service: str, quantity: str | None) -> None:
        captured = self.hospital.capture(
            kind, service, patient=self.patient, quantity=Decimal(quantity or "1")
        )
        (item,) = captured.items
        self.charges[service] = item["id"]

    def foresee(self, service: str) -> None:
        captured = self.hospital.capture("ward.admitted", patient=self.patient)
        (item,) = captured.items
        assert (item["service"], item["status"]) == (service, "planned")
        self.charges[service] = item["id"]

    def begin(self, service: str, day: str) -> None:
        with self.hospital.transaction():
            charging.bill_planned(
                [self.charges[service]], service_period=day, actor=self.hospital.actor, at=NOON
            )

    def accrue(self, service: str, day: str) -> None:
        with self.hospital.transaction():
            item = ChargeItem.objects.get(id=self.charges[service])
            ward = Ward.objects.select_related("department").get()
            place = Occupancy(NOON, None, ward.ward_type, ward.department.code, "ward", ward.department_id)
            stay = Stay(
                admission_id=item.event_id,
                event_id=item.event_id,
                encounter_id=None,
                patient_id=self.patient.id,
                patient_account_id=self.patient.account_id,
                currency="USD",
                patient_category="general",
                occupancies=(place,),
            )
            book = book_in_force(self.hospital.id)
            until = datetime.fromisoformat(f"{day}T12:00Z")
            charges = plan_stay(stay, book.time_rules, "UTC", until=until, since=NOON)
            write(
                self.hospital.id,
                [Due(stay, charge) for charge in charges],
                book,
                actor=self.hospital.actor,
                at=NOON,
            )

    def deliver(self, service: str) -> None:
        self.hospital.deliver([self.charges[service]])

    def cancel(self, service: str) -> None:
        payments.cancel_charge(self.hospital.id, self.charges[service], actor=self.hospital.actor, at=NOON)

    def correct(self, service: str, quantity: str) -> None:
        with self.hospital.transaction():
            revised = charging.revise(
                self.charges[service], quantity=Decimal(quantity), actor=self.hospital.actor, at=NOON
            )
        self.charges[service] = revised.id

    def part(self, service: str, quantity: str) -> None:
        with self.hospital.transaction():
            first, _ = charging.split(
                self.charges[service], quantity=Decimal(quantity), actor=self.hospital.actor, at=NOON
            )
        self.charges[service] = first.id

    def set_price(self, service: str, amount: str) -> None:
        with self.hospital.transaction():
            charging.price_unpriced(
                self.charges[service], unit_price_minor=minor(amount), actor=self.hospital.actor, at=NOON
            )

    def pay(self, amount: str, method: str, service: str | None, deposit: str | None) -> None:
        recorded = self.hospital.pay(
            self.patient,
            minor(amount),
            method=method,
            shares=[(self.charges[service], minor(amount))] if service else None,
            excess="deposit" if deposit else "refuse",
        )
        self.last_payment = recorded.payment_id

    def pay_by_both(self, cash: str, card: str) -> None:
        tenders = (payments.Tender("cash", minor(cash)), payments.Tender("card", minor(card)))
        recorded = self.hospital.pay(self.patient, minor(cash) + minor(card), method="", tenders=tenders)
        self.last_payment = recorded.payment_id

    def _cashier(self) -> Actor:
        return Actor(
            "user:cashier", frozenset({"payments.record"}), user_id=uuid5(self.hospital.id, "cashier")
        )

    def open_drawer(self, amount: str) -> None:
        session = payments.open_session(
            self.hospital.id,
            cash_point=self.hospital.cash_point,
            count={100: minor(amount) // 100},
            idempotency_key=f"open-{new_id()}",
            actor=self._cashier(),
            at=NOON,
        )
        self.drawer = session.id

    def bank(self, amount: str) -> None:
        self._move("banked", amount)

    def bring_change(self, amount: str) -> None:
        self._move("from_safe", amount)

    def _move(self, kind: str, amount: str) -> None:
        assert self.drawer
        payments.move_cash(
            self.hospital.id,
            self.drawer,
            kind=kind,
            amount_minor=minor(amount),
            reference="slip 1",
            idempotency_key=f"move-{new_id()}",
            actor=self._cashier(),
            at=NOON,
        )

    def close_drawer(self, amount: str, next_cashier: str | None) -> None:
        assert self.drawer
        payments.close_session(
            self.hospital.id,
            self.drawer,
            count={100: minor(amount) // 100},
            reason="counted twice",
            hand_to=make_member(self.hospital.id, "receptionist").id if next_cashier else None,
            idempotency_key=f"close-{new_id()}",
            actor=self._cashier(),
            at=NOON,
        )

    def payer_pays(self, amount: str) -> None:
        self.hospital.pay(
            self.patient, minor(amount), method="bank_transfer", payer_id=self.hospital.payer_id
        )

    def apply_deposits(self) -> None:
        payments.apply_deposits(
            self.hospital.id,
            self.patient.account_id,
            idempotency_key=f"apply-{new_id()}",
            actor=self.hospital.actor,
            at=NOON,
        )

    def void(self) -> None:
        assert self.last_payment
        payments.void_payment(
            self.hospital.id,
            self.last_payment,
            reason="typed twice",
            idempotency_key=f"void-{new_id()}",
            actor=self.hospital.actor,
            at=NOON,
        )

    def refund(self, amount: str) -> None:
        assert self.last_payment
        payments.refund_payment(
            self.hospital.id,
            self.last_payment,
            amount_minor=minor(amount),
            reason="not needed",
            idempotency_key=f"refund-{new_id()}",
            actor=self.hospital.actor,
            at=NOON,
        )

    def take_over(self, amount: str, service: str) -> None:
        self._transfer(minor(amount), service)

    def hand_back(self, amount: str, service: str) -> None:
        self._transfer(-minor(amount), service)

    def _transfer(self, amount_minor: int, service: str) -> None:
        with self.hospital.transaction():
            charging.transfer_to_payer(
                self.charges[service],
                payer_id=self.hospital.payer_id,
                amount_minor=amount_minor,
                actor=self.hospital.actor,
                at=NOON,
            )


STEPS: dict[str, Callable[..., None]] = {
    r"order (\w+)(?: x (\d+))?": Story.order,
    r"provide (\w+)(?: x (\d+))?": Story.provide,
    r"foresee (\w+)": Story.foresee,
    r"begin (\w+) on (\S+)": Story.begin,
    r"accrue (\w+) on (\S+)": Story.accrue,
    r"deliver (\w+)": Story.deliver,
    r"cancel (\w+)": Story.cancel,
    r"correct (\w+) to (\d+)": Story.correct,
    r"part (\w+) at (\d+)": Story.part,
    r"price (\w+) at (\S+)": Story.set_price,
    r"pay (\S+) (\w+)(?: for (\w+))?(, rest as deposit)?": Story.pay,
    r"pay (\S+) cash and (\S+) card": Story.pay_by_both,
    r"open drawer with (\S+)": Story.open_drawer,
    r"bank (\S+)": Story.bank,
    r"bring (\S+) from the safe": Story.bring_change,
    r"count (\S+) and (?:close|(hand over))": Story.close_drawer,
    r"payer pays (\S+)": Story.payer_pays,
    r"apply deposits": Story.apply_deposits,
    r"void": Story.void,
    r"refund (\S+)": Story.refund,
    r"payer takes over (\S+) of (\w+)": Story.take_over,
    r"payer hands back (\S+) of (\w+)": Story.hand_back,
}


def carry_out(story: Story, step: str) -> bool:
    """Do what the row says; False when it was refused."""
    for pattern, operation in STEPS.items():
        match = re.fullmatch(pattern, step)
        if match:
            try:
                operation(story, *match.groups())
            except Conflict:
                return False
            return True
    raise AssertionError(f"{step!r} is not a step that the test knows")


def steps_of(table: str) -> list[list[Row]]:
    """The rows of a table, those of one step together."""
    groups: list[list[Row]] = []
    for row in read_rows(PAGE, table, COLUMNS):
        if row["step"]:
            groups.append([row])
        else:
            groups[-1].append(row)
    return groups


def entries(hospital: TestHospital) -> dict[UUID, tuple[str, Lines]]:
    with hospital.transaction():
        kinds = dict(JournalEntry.objects.values_list("id", "kind"))
        postings: dict[UUID, list[tuple[str, int]]] = {entry: [] for entry in kinds}
        for entry, account, amount in Posting.objects.values_list("entry_id", "account_code", "amount_minor"):
            postings[entry].append((account, amount))
    return {entry: (kind, tuple(sorted(postings[entry]))) for entry, kind in kinds.items()}


def expected_entries(rows: list[Row]) -> list[tuple[str, Lines]]:
    if rows[0]["entry"] in ("nothing", "refused"):
        assert len(rows) == 1 and not rows[0]["debit"] and not rows[0]["credit"]
        return []
    return sorted(
        (row["entry"], tuple(sorted([*lines(row["debit"], 1), *lines(row["credit"], -1)]))) for row in rows
    )


def make_story() -> Story:
    hospital = make_hospital()
    with hospital.transaction():
        ChargeRule.objects.create(
            hospital_id=hospital.id,
            code="bed_day",
            event_kind="ward.admitted",
            service="bed_day",
            charge_type="daily",
            planned=True,
            required_at=["bed.assign"],
        )
        Hospital.objects.filter(id=hospital.id).update(configuration_version=1)
    return Story(hospital, hospital.patient(insured=True))


@pytest.mark.django_db
@pytest.mark.parametrize("table", STORIES)
def test_a_story_posts_what_the_page_says(table: str) -> None:
    story = make_story()
    before: set[UUID] = set()
    for rows in steps_of(table):
        done = carry_out(story, rows[0]["step"])
        assert done is (rows[0]["entry"] != "refused"), rows[0]
        now = entries(story.hospital)
        made = sorted(entry for key, entry in now.items() if key not in before)
        assert made == expected_entries(rows), rows[0]
        before = set(now)
        balance = story.hospital.balance(story.patient)
        found = (
            (balance.receivable_minor, balance.payer_receivable_minor, balance.deposit_minor)
            if balance
            else (0, 0, 0)
        )
        for row in rows:
            assert found == tuple(minor(row[column]) for column in COLUMNS[-3:]), row


@pytest.mark.django_db
def test_money_received_is_debited_where_the_page_says() -> None:
    rows = read_rows(PAGE, "Where money received is debited", ("method", "debit"))
    assert {row["method"] for row in rows} == set(Payment.Method.values)
    hospital = make_hospital()
    for row in rows:
        recorded = hospital.pay(hospital.patient(), 100, method=row["method"], excess="deposit")
        with hospital.transaction():
            debits = Posting.objects.filter(payment_id=recorded.payment_id, amount_minor__gt=0)
            assert list(debits.values_list("account_code", "amount_minor")) == [(row["debit"], 100)]


def test_the_chart_of_accounts_is_that_of_the_page() -> None:
    columns = ("code", "number", "name", "type")
    documented = [
        tuple(row[column] for column in columns) for row in read_rows(PAGE, "Chart of accounts", columns)
    ]
    assert documented == [
        (account.code, account.number, account.name, account.account_type) for account in CHART
    ]


def _kinds_posted(path: Path) -> set[str]:
    """Kinds of journal entries that a source file posts: arguments of ``post``, or literals of its SQL."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sql":
        return set(re.findall(r"'([a-z]+\.[a-z]+)'", text))
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    kinds = (
        keyword.value
        for call in calls
        if getattr(call.func, "id", "") == "post"
        for keyword in call.keywords
        if keyword.arg == "kind"
    )
    return {node.value for kind in kinds for node in ast.walk(kind) if isinstance(node, ast.Constant)} - {
        None
    }


def test_every_kind_of_entry_that_the_rooms_post_has_a_row() -> None:
    posted: set[str] = set()
    for room in ("charging", "payments"):
        folder = ROOT / "almoner" / room
        for path in [*folder.rglob("*.py"), *folder.rglob("sql/*.sql")]:
            if "tests" not in path.parts:
                posted |= _kinds_posted(path)
    documented = {
        row["entry"] for table in STORIES for rows in steps_of(table) for row in rows if row["entry"]
    } - {"nothing", "refused"}
    assert len(documented) >= 9
    assert documented == posted


def test_every_step_that_the_test_knows_is_on_the_page() -> None:
    used = [rows[0]["step"] for table in STORIES for rows in steps_of(table)]
    for pattern in STEPS:
        assert any(re.fullmatch(pattern, step) for step in used), pattern


@pytest.mark.django_db
def test_a_posting_carries_what_reports_ask_for() -> None:
    hospital = make_hospital()
    encounter = hospital.encounter(hospital.patient())
    captured = hospital.capture(TEST_ORDERED, "blood_count", encounter=encounter)
    with hospital.transaction():
        postings = list(Posting.objects.filter(entry__source_id=captured.event_id))
        item = ChargeItem.objects.get(event=captured.event_id)
    assert len(postings) == 2
    for posting in postings:
        assert posting.charge_item_id == item.id
        assert posting.patient_account_id == captured.patient_account_id
        assert posting.department_id == hospital.departments["laboratory"]
        assert posting.service_id == hospital.services["blood_count"]
