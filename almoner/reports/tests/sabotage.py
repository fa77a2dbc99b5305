"""One way, or several, to break each promise of the books of a ``busy_hospital``.

The statements run as superuser with ``session_replication_role = replica``, which switches off triggers
and references: only so can the books be broken at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from almoner.kernel.ids import new_id


@dataclass(frozen=True)
class Sabotage:
    """``statements`` break the promise ``check`` on the row named ``row``; both are format strings."""

    check: str
    name: str
    row: str
    statements: tuple[str, ...]


NEW_ENTRY, NEW_ENTRY_2, UNKNOWN = new_id(), new_id(), new_id()


def _entry_sql(*lines: str, entry: UUID = NEW_ENTRY, reverses: str = "NULL") -> tuple[str, str]:
    """Insert an entry and ``lines``: account, amount, patient account, charge item, payment."""
    values = ", ".join(
        f"('{{hospital}}', '{entry}', {number}, 'USD', {line})" for number, line in enumerate(lines, start=1)
    )
    return (
        (
            "INSERT INTO ledger_journalentry (hospital_id, id, kind, source_id, reverses_id, occurred_at, posted_at, actor)"
            f" VALUES ('{{hospital}}', '{entry}', 'made.up', '{entry}', {reverses}, '2026-03-02', '2026-03-02', 'nobody')"
        ),
        (
            "INSERT INTO ledger_posting (hospital_id, entry_id, line, currency, account_code, amount_minor,"
            f" patient_account_id, charge_item_id, payment_id) VALUES {values}"
        ),
    )


def _bare(account: str, amount: int) -> str:
    return f"'{account}', {amount}, NULL, NULL, NULL"


_FORGET_UNPAID = (
    "DELETE FROM ledger_posting WHERE charge_item_id = '{unpaid}'",
    "DELETE FROM ledger_journalentry WHERE source_id = '{unpaid_event}'",
    "DELETE FROM ledger_openitem WHERE id = '{unpaid}'",
    "UPDATE ledger_patientbalance SET receivable_minor = receivable_minor - 7500 WHERE id = '{account}'",
)
_GIVE_MORE = (
    "INSERT INTO payments_allocation (hospital_id, id, payment_id, charge_item_id, amount_minor, currency,"
    " allocated_at, source_id) VALUES ('{hospital}', gen_random_uuid(), '{giver}', '{taker}', 10, 'USD',"
    " '2026-03-02', gen_random_uuid())"
)

SABOTAGES = [
    Sabotage(
        "period_charged_once",
        "a day charged again as another revision",
        "event {stay_event}",
        (
            "UPDATE charging_chargeitem SET service_period = '2026-03-02', revision = 1 WHERE id = '{next_day}'",
        ),
    ),
    Sabotage(
        "period_in_bed",
        "an hour before the patient came",
        "charge item {hour}",
        ("UPDATE charging_chargeitem SET service_period = '2026-03-02T05Z' WHERE id = '{hour}'",),
    ),
    Sabotage(
        "period_in_bed",
        "a day long before the patient came",
        "charge item {next_day}",
        ("UPDATE charging_chargeitem SET service_period = '2026-02-20' WHERE id = '{next_day}'",),
    ),
    Sabotage(
        "entry_balances",
        "lopsided entry",
        f"entry {NEW_ENTRY}",
        _entry_sql(_bare("bank", 100), _bare("bank", -90)),
    ),
    Sabotage("entry_has_postings", "empty entry", f"entry {NEW_ENTRY}", _entry_sql(_bare("bank", 1))[:1]),
    Sabotage(
        "posting_has_entry",
        "postings without entry",
        f"entry {NEW_ENTRY}",
        _entry_sql(_bare("bank", 1), _bare("bank", -1))[1:],
    ),
    Sabotage(
        "posting_has_account",
        "account outside the chart",
        "account slush_fund",
        _entry_sql(_bare("bank", 5), _bare("slush_fund", -5)),
    ),
    Sabotage(
        "reversal_undoes",
        "void out of another account",
        "entry {void_entry}",
        (
            "UPDATE ledger_posting SET account_code = 'bank' WHERE entry_id = '{void_entry}' AND account_code = 'cash_drawer'",
        ),
    ),
    Sabotage(
        "reversal_undoes",
        "reversal of a part",
        f"entry {NEW_ENTRY_2}",
        (
            *_entry_sql(_bare("bank", 100), _bare("card_clearing", -100)),
            *_entry_sql(
                _bare("bank", -90), _bare("card_clearing", 90), entry=NEW_ENTRY_2, reverses=f"'{NEW_ENTRY}'"
            ),
        ),
    ),
    Sabotage(
        "reversal_undoes",
        "reversal of nothing",
        f"entry {NEW_ENTRY}",
        _entry_sql(_bare("bank", 1), _bare("bank", -1), reverses=f"'{UNKNOWN}'"),
    ),
    Sabotage("charge_posted_once", "charge never posted", "charge item {unpaid}", _FORGET_UNPAID),
    Sabotage(
        "charge_posted_once",
        "charge posted twice",
        "charge item {unpaid}",
        (
            "INSERT INTO ledger_journalentry SELECT * FROM json_populate_record(NULL::ledger_journalentry, ("
            "SELECT to_jsonb(e) || jsonb_build_object('id', '" + str(NEW_ENTRY) + "')"
            " FROM ledger_journalentry AS e WHERE source_id = '{unpaid_event}')::json)",
            "INSERT INTO ledger_posting SELECT copy.* FROM ledger_posting AS p"
            " CROSS JOIN LATERAL jsonb_populate_record(p, jsonb_build_object('entry_id', '"
            + str(NEW_ENTRY)
            + "')) AS copy"
            " WHERE p.charge_item_id = '{unpaid}'",
            "UPDATE ledger_openitem SET patient_minor = patient_minor * 2 WHERE id = '{unpaid}'",
            "UPDATE ledger_patientbalance SET receivable_minor = receivable_minor + 7500 WHERE id = '{account}'",
        ),
    ),
    Sabotage(
        "charge_posted_once",
        "charge repriced after posting",
        "charge item {unpaid}",
        ("UPDATE charging_chargeitem SET net_minor = net_minor + 1 WHERE id = '{unpaid}'",),
    ),
    Sabotage(
        "charge_not_posted_early",
        "planned charge posted",
        "charge item {unpaid}",
        ("UPDATE charging_chargeitem SET status = 'planned' WHERE id = '{unpaid}'",),
    ),
    Sabotage(
        "charge_reversed_once",
        "cancelled without a reversal",
        "charge item {unpaid}",
        ("UPDATE charging_chargeitem SET status = 'cancelled' WHERE id = '{unpaid}'",),
    ),
    Sabotage(
        "charge_reversed_once",
        "reversed, yet billable",
        "charge item {cancelled}",
        ("UPDATE charging_chargeitem SET status = 'billable' WHERE id = '{cancelled}'",),
    ),
    Sabotage(
        "charge_delivered",
        "delivered without revenue",
        "charge item {unpaid}",
        ("UPDATE charging_chargeitem SET delivered_at = now() WHERE id = '{unpaid}'",),
    ),
    Sabotage(
        "charge_delivered",
        "revenue without delivery",
        "charge item {delivered}",
        ("UPDATE charging_chargeitem SET delivered_at = NULL WHERE id = '{delivered}'",),
    ),
    Sabotage(
        "charge_delivered",
        "tax booked as revenue",
        "charge item {delivered}",
        (
            (
                "UPDATE ledger_posting SET account_code = 'revenue'"
                " WHERE charge_item_id = '{delivered}' AND account_code = 'tax_payable'"
            ),
        ),
    ),
    Sabotage(
        "posting_has_charge",
        "posting for an unknown charge",
        f"charge item {UNKNOWN}",
        _entry_sql(f"'bank', 5, NULL, '{UNKNOWN}', NULL", _bare("bank", -5)),
    ),
    Sabotage(
        "posting_has_charge",
        "posting to another account",
        "charge item {unpaid}",
        ("UPDATE charging_chargeitem SET patient_account_id = '{other_account}' WHERE id = '{unpaid}'",),
    ),
    Sabotage(
        "payment_posted_once",
        "payment never posted",
        "payment {payment}",
        ("UPDATE ledger_journalentry SET kind = 'made.up' WHERE id = '{payment_entry}'",),
    ),
    Sabotage(
        "payment_not_overallocated",
        "payment gives more than it has",
        "payment {payment}",
        (
            _GIVE_MORE.replace("{giver}", "{payment}").replace("{taker}", "{unpaid}"),
            *_entry_sql("'patient_receivable', -10, '{account}', '{unpaid}', '{payment}'", _bare("bank", 10)),
            "UPDATE ledger_openitem SET patient_minor = patient_minor - 10 WHERE id = '{unpaid}'",
            "UPDATE ledger_patientbalance SET receivable_minor = receivable_minor - 10 WHERE id = '{account}'",
        ),
    ),
    Sabotage(
        "payment_unallocated",
        "deposit raised",
        "payment {deposit}",
        ("UPDATE payments_payment SET unallocated_minor = unallocated_minor + 1 WHERE id = '{deposit}'",),
    ),
    Sabotage(
        "payment_money",
        "money that never came in",
        "payment {payment}",
        _entry_sql("'cash_drawer', 7, NULL, NULL, '{payment}'", _bare("bank", -7)),
    ),
    Sabotage(
        "payment_deposit",
        "deposit posted twice",
        "payment {deposit}",
        _entry_sql("'patient_deposits', -7, NULL, NULL, '{deposit}'", _bare("bank", 7)),
    ),
    Sabotage(
        "posting_has_payment",
        "posting for an unknown payment",
        f"payment {UNKNOWN}",
        _entry_sql(f"'bank', 5, NULL, NULL, '{UNKNOWN}'", _bare("bank", -5)),
    ),
    Sabotage(
        "allocation_posted",
        "allocation moved to another charge",
        "payment {payment}",
        ("UPDATE payments_allocation SET charge_item_id = '{unpaid}' WHERE payment_id = '{payment}'",),
    ),
    Sabotage(
        "charge_not_overallocated",
        "charge paid twice",
        "charge item {paid}",
        (
            _GIVE_MORE.replace("{giver}", "{deposit}").replace("{taker}", "{paid}"),
            *_entry_sql(
                "'patient_receivable', -10, '{account}', '{paid}', '{deposit}'",
                "'patient_receivable', 10, '{account}', '{paid}', NULL",
                "'patient_deposits', 10, '{other_account}', NULL, '{deposit}'",
                _bare("bank", -10),
            ),
            "UPDATE payments_payment SET unallocated_minor = unallocated_minor - 10 WHERE id = '{deposit}'",
            "UPDATE ledger_patientbalance SET deposit_minor = deposit_minor - 10 WHERE id = '{other_account}'",
        ),
    ),
    *(
        Sabotage(
            f"{noun}_posted_once",
            f"{noun} without its entry",
            row,
            (f"UPDATE ledger_journalentry SET source_id = '{UNKNOWN}' WHERE id = '{{{entry}}}'",),
        )
        for noun, row, entry in (
            ("void", "void {void}", "void_entry"),
            ("refund", "refund {refund}", "refund_entry"),
            ("deposit", "deposit application {application}", "application_entry"),
        )
    ),
    Sabotage(
        "open_item",
        "open amount changed",
        "charge item {unpaid}",
        ("UPDATE ledger_openitem SET patient_minor = 1 WHERE id = '{unpaid}'",),
    ),
    Sabotage(
        "open_item",
        "open item gone",
        "charge item {unpaid}",
        ("DELETE FROM ledger_openitem WHERE id = '{unpaid}'",),
    ),
    Sabotage(
        "open_item",
        "open item of nothing",
        f"charge item {UNKNOWN}",
        (
            (
                "INSERT INTO ledger_openitem (hospital_id, id, patient_account_id, currency, patient_minor, payer_minor)"
                f" VALUES ('{{hospital}}', '{UNKNOWN}', '{{account}}', 'USD', 0, 0)"
            ),
        ),
    ),
    Sabotage(
        "patient_balance",
        "balance changed",
        "patient account {account}",
        ("UPDATE ledger_patientbalance SET receivable_minor = receivable_minor - 1 WHERE id = '{account}'",),
    ),
    Sabotage(
        "patient_balance",
        "balance gone",
        "patient account {account}",
        ("DELETE FROM ledger_patientbalance WHERE id = '{account}'",),
    ),
    Sabotage(
        "patient_balance",
        "balance of nobody",
        f"patient account {UNKNOWN}",
        (
            (
                "INSERT INTO ledger_patientbalance (hospital_id, id, currency, receivable_minor,"
                f" payer_receivable_minor, deposit_minor) VALUES ('{{hospital}}', '{UNKNOWN}', 'USD', 0, 0, 0)"
            ),
        ),
    ),
    Sabotage(
        "stock_on_hand",
        "stock written by hand",
        "batch {batch}",
        ("UPDATE pharmacy_batch SET on_hand = on_hand + 5 WHERE id = '{batch}'",),
    ),
    Sabotage(
        "stock_on_hand",
        "movement gone",
        "batch {batch}",
        ("DELETE FROM pharmacy_stockmovement WHERE batch_id = '{batch}' AND kind = 'received'",),
    ),
    Sabotage(
        "stock_dispensed",
        "more dispensed than went out",
        "dispensing {dispensing}",
        ("UPDATE pharmacy_dispensing SET quantity = quantity + 1 WHERE id = '{dispensing}'",),
    ),
    Sabotage(
        "medication_charged",
        "charged for what came back",
        "prescription line {prescription_line}",
        (
            "UPDATE pharmacy_medicationreturn SET quantity = quantity + 1 WHERE dispensing_id = '{dispensing}'",
        ),
    ),
    Sabotage(
        "receipt_series",
        "number skipped",
        "series MAIN-2026",
        ("UPDATE kernel_numberseries SET last_number = last_number + 1 WHERE series = 'MAIN'",),
    ),
    Sabotage(
        "receipt_series",
        "receipt renumbered",
        "series MAIN-2026",
        ("UPDATE payments_payment SET receipt_number = receipt_number + 1000 WHERE id = '{payment}'",),
    ),
    Sabotage(
        "receipt_series",
        "series forgotten",
        "series MAIN-2026",
        ("DELETE FROM kernel_numberseries WHERE series = 'MAIN'",),
    ),
    Sabotage(
        "number_series",
        "record number skipped",
        "series mrn",
        ("UPDATE kernel_numberseries SET last_number = last_number + 1 WHERE series = 'mrn'",),
    ),
    Sabotage(
        "number_series",
        "visit renumbered",
        "series encounter",
        (
            "UPDATE patients_encounter SET number = 'V00000009' WHERE hospital_id = '{hospital}' AND number = 'V00000001'",
        ),
    ),
    Sabotage(
        "audit_chain",
        "seal missing",
        "audit block 3",
        ("UPDATE identity_auditblock SET number = 3 WHERE number = 2",),
    ),
    Sabotage(
        "audit_hash",
        "record edited",
        "audit block 1",
        (
            (
                "UPDATE identity_auditrecord SET actor = 'somebody else' WHERE id ="
                " (SELECT record_ids[1] FROM identity_auditblock WHERE number = 1 AND hospital_id = '{hospital}')"
            ),
        ),
    ),
    Sabotage(
        "drawer_expected",
        "close written against another sum",
        "cash session {closed_drawer}",
        (
            "UPDATE payments_cashsession SET expected_minor = expected_minor - 100 WHERE id = '{closed_drawer}'",
        ),
    ),
    Sabotage(
        "drawer_posted",
        "float never posted",
        "cash session {open_drawer}",
        (
            (
                "DELETE FROM ledger_posting WHERE entry_id IN"
                " (SELECT id FROM ledger_journalentry WHERE source_id = '{open_drawer}')"
            ),
            "DELETE FROM ledger_journalentry WHERE source_id = '{open_drawer}'",
        ),
    ),
    Sabotage(
        "posting_has_session",
        "postings of no session",
        f"cash session {UNKNOWN}",
        (
            *_entry_sql(_bare("bank", 5), _bare("cash_safe", -5)),
            f"UPDATE ledger_posting SET cash_session_id = '{UNKNOWN}' WHERE entry_id = '{NEW_ENTRY}'",
        ),
    ),
    Sabotage(
        "tenders_add_up",
        "more change than was written down",
        "payment {mixed}",
        (
            (
                "UPDATE payments_paymenttender SET tendered_minor = tendered_minor + 1, change_minor = change_minor + 1"
                " WHERE payment_id = '{mixed}' AND method = 'cash'"
            ),
        ),
    ),
    Sabotage(
        "tender_posted",
        "card written down as mobile money",
        "payment {mixed}",
        (
            (
                "UPDATE payments_paymenttender SET method = 'mobile_money'"
                " WHERE payment_id = '{mixed}' AND method = 'card'"
            ),
        ),
    ),
    Sabotage(
        "void_by_two",
        "approved by somebody else than who decided",
        "void {void_by_two}",
        ("UPDATE payments_paymentvoid SET approved_by = 'user:nobody' WHERE id = '{void_by_two}'",),
    ),
    Sabotage(
        "refund_by_two",
        "more given back than was asked for",
        "refund {refund_by_two}",
        ("UPDATE payments_refundrequest SET amount_minor = 99 WHERE amount_minor = 100",),
    ),
    Sabotage(
        "plan_adds_up",
        "a cent more in an instalment",
        "payment plan {plan}",
        (
            "UPDATE payments_planinstalment SET amount_minor = amount_minor + 1 WHERE plan_id = '{plan}' AND number = 2",
        ),
    ),
    Sabotage(
        "plan_fees_charged",
        "a fee in the plan that was never charged",
        "payment plan {costly_plan}",
        ("UPDATE payments_paymentplan SET fees_minor = fees_minor + 1 WHERE id = '{costly_plan}'",),
    ),
    Sabotage(
        "plan_changed_by_two",
        "asked for by who approved it",
        "payment plan {new_plan}",
        ("UPDATE payments_paymentplan SET agreed_by = 'user:eve@example.org' WHERE id = '{new_plan}'",),
    ),
    Sabotage(
        "number_series",
        "drawer renumbered",
        "series drawer:side",
        ("UPDATE payments_cashsession SET number = 9 WHERE id = '{open_drawer}'",),
    ),
]
