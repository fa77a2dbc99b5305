"""An estimate in words, on the page and on paper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _

from almoner.estimates.queries import Compared, ReadEstimate
from almoner.pages.estimates.forms import HOW
from almoner.pages.pdf import Document
from almoner.pages.presenters import Formats


@dataclass(frozen=True, slots=True)
class ComparedRow:
    name: str
    estimated: str
    actual: str
    difference: str


@dataclass(frozen=True, slots=True)
class EstimatePage:
    number: str
    who: str
    facts: list[tuple[str, str]]
    lines: list[tuple[str, str, str]]
    sums: list[tuple[str, str]]
    basis: str
    consent: str
    is_valid: bool
    compared: list[ComparedRow]
    total: ComparedRow | None
    visit: str


def present(read: ReadEstimate, formats: Formats, *, today: date) -> EstimatePage:
    one = read.estimate
    days = _("%(days)d days in %(ward)s, noon to noon") % {"days": one.days, "ward": one.ward_type}
    facts = [
        (_("For"), one.patient.name if one.patient else one.walk_in),
        (_("Patient number"), one.patient.mrn if one.patient else ""),
        (_("What for"), one.reason),
        (_("Expected on"), formats.day(one.expected_on)),
        (_("Stay"), days if one.days else ""),
        (_("Valid until"), formats.day(one.valid_until)),
        (_("Made"), f"{formats.day(formats.local_date(one.made_at))}, {formats.person(one.made_by)}"),
    ]
    return EstimatePage(
        number=one.number,
        who=facts[0][1],
        facts=[(name, value) for name, value in facts if value],
        lines=[
            (
                line.name,
                f"{line.quantity.normalize():f}",
                _("no price known") if line.net_minor is None else formats.money(line.net_minor),
            )
            for line in read.lines
        ],
        sums=_sums(read, formats),
        basis=_basis(read),
        consent=_consent(read, formats),
        is_valid=one.valid_until >= today,
        compared=[_row(row, formats) for row in read.compared],
        total=_row(read.total, formats) if read.visit else None,
        visit=read.visit.encounter.number if read.visit else "",
    )


def _sums(read: ReadEstimate, formats: Formats) -> list[tuple[str, str]]:
    one = read.estimate
    sums = [(_("Expected in all"), formats.money(read.total_minor))]
    if one.payer_percent is not None:
        share = {"payer": one.payer, "percent": f"{one.payer_percent.normalize():f}"}
        sums += [
            (_("%(payer)s takes over %(percent)s%%") % share, formats.money(read.payer_minor)),
            (_("Left for the patient"), formats.money(read.patient_minor)),
        ]
    if one.deposit_minor:
        sums.append((_("Deposit asked for"), formats.money(one.deposit_minor)))
    return sums


def _basis(read: ReadEstimate) -> str:
    """What the figures rest on, in plain words."""
    one = read.estimate
    if one.payer_percent is not None:
        return _("Prices of the contract with %(payer)s. Its share is based on: %(basis)s.") % {
            "payer": one.payer,
            "basis": one.payer_basis,
        }
    if one.payer:
        return _(
            "Prices of the contract with %(payer)s, which covers the patient on that day. What it takes over is not known."
        ) % {"payer": one.payer}
    return _("Prices for patients without a payer. No coverage is known for that day.")


def _consent(read: ReadEstimate, formats: Formats) -> str:
    if read.consent is None:
        return ""
    at = read.consent.given_at
    return _("Agreed by %(who)s, %(how)s, %(when)s; recorded by %(by)s") % {
        "who": read.consent.given_by,
        "how": str(HOW[read.consent.how]).lower(),
        "when": f"{formats.day(formats.local_date(at))} {formats.time(at)}",
        "by": formats.person(read.consent.recorded_by),
    }


def _row(row: Compared, formats: Formats) -> ComparedRow:
    sign = "+" if row.difference_minor > 0 else ""
    percent = "" if row.percent is None else f" ({sign}{row.percent}%)"
    return ComparedRow(
        name=row.name,
        estimated=formats.money(row.estimated_minor),
        actual=formats.money(row.actual_minor),
        difference=f"{sign}{formats.money(row.difference_minor)}{percent}",
    )


def as_pdf(page: EstimatePage, formats: Formats, *, hospital: str, address: str, at: datetime) -> bytes:
    """The estimate on the hospital's paper, with a line to sign."""
    printed = _("Printed %(when)s") % {"when": f"{formats.day(formats.local_date(at))} {formats.time(at)}"}
    title = _("Estimate %(number)s") % {"number": page.number}
    document = Document(hospital=hospital, title=title, address=address, printed=printed, made_at=at)
    document.facts(page.facts)
    document.rows(
        [_("Service"), _("Quantity"), _("Amount")],
        [*page.lines, *((name, "", amount) for name, amount in page.sums)],
        widths=(70, 15, 25),
        numbers=(1, 2),
    )
    document.small(page.basis)
    document.small(_("An estimate is no bill: what is charged follows from what is done."))
    document.notice(page.consent or _("I have been told what this is expected to cost.  Date, signature:"))
    return document.as_bytes()
