"""The chart of accounts that every hospital starts with.

Control accounts are named by code in the posting rules; numbers are for people and exports.
"""

from __future__ import annotations

from types import SimpleNamespace

_ASSET, _LIABILITY, _INCOME, _EXPENSE = "asset", "liability", "income", "expense"

CHART = [
    SimpleNamespace(code=code, number=number, name=name, account_type=account_type)
    for code, number, name, account_type in [
        ("cash_drawer", "1010", "Cash in drawers", _ASSET),
        ("cash_safe", "1015", "Cash in the safe", _ASSET),
        ("bank", "1020", "Bank", _ASSET),
        ("card_clearing", "1030", "Card terminal clearing", _ASSET),
        ("cheque_clearing", "1040", "Cheques to be cleared", _ASSET),
        ("mobile_money_clearing", "1050", "Mobile money clearing", _ASSET),
        ("patient_receivable", "1200", "Receivable from patients", _ASSET),
        ("payer_receivable", "1210", "Receivable from payers", _ASSET),
        ("contract_liability", "2100", "Charged, not yet delivered", _LIABILITY),
        ("patient_deposits", "2110", "Deposits of patients", _LIABILITY),
        ("tax_payable", "2200", "Tax payable", _LIABILITY),
        ("revenue", "4000", "Revenue from services", _INCOME),
        ("contractual_adjustment", "4900", "Adjustments agreed with payers", _INCOME),
        ("cash_over_short", "5900", "Cash over and short", _EXPENSE),
    ]
]
