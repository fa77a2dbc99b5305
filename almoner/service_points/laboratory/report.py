"""The report of an order: the findings that were released, on the screen and as PDF."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from almoner.orders.findings import Finding, range_text
from almoner.pages.patient_page import SEXES
from almoner.pages.pdf import Document
from almoner.pages.presenters import Formats
from almoner.patients.models import Patient
from almoner.service_points.laboratory.bench import Test, Value
from almoner.service_points.laboratory.presenting import FLAGS, earlier_text
from almoner.service_points.laboratory.queries import LaboratoryOrder
from almoner.service_points.laboratory.rules import Flag


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A value of the report; without a result it is still open. ``note`` says that it was corrected."""

    name: str
    result: str
    unit: str
    flag: Any
    usual: str
    earlier: str
    note: str
    signed: str


@dataclass(frozen=True, slots=True)
class ReportTest:
    name: str
    lines: tuple[ReportLine, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What the report says, ready to print. ``is_complete``: nothing is open or waits for verification."""

    number: str
    patient: str
    mrn: str
    about: str
    ordered: str
    issued: str
    is_complete: bool
    is_corrected: bool
    tests: tuple[ReportTest, ...]
    signed: str


def make_report(
    order: LaboratoryOrder, patient: Patient, findings: list[Finding], formats: Formats, *, today: date
) -> Report:
    """The report of ``order``: of every value the latest that was released, and what is still open."""
    known = {(finding.order_line_id, finding.parameter): finding for finding in findings}
    about = [str(SEXES[patient.sex])] if patient.sex in SEXES else []
    if patient.birth_date:
        about.insert(0, formats.day(patient.birth_date))
    ordered = _("%(when)s by %(who)s") % {
        "when": formats.day(formats.local_date(order.ordered_at)),
        "who": formats.person(order.ordered_by),
    }
    last = max((finding.released_at for finding in findings), default=None)
    return Report(
        number=order.number,
        patient=patient.name,
        mrn=patient.mrn,
        about=" · ".join(about),
        ordered=ordered,
        issued=_moment(last, formats) if last else "",
        is_complete=not order.to_verify and len(findings) >= len(order.values),
        is_corrected=any(finding.is_corrected for finding in findings),
        tests=tuple(
            ReportTest(
                test.name,
                tuple(
                    _line(test, value, known.get((test.order_line_id, value.parameter.code)), formats, today)
                    for value in test.values
                ),
            )
            for test in order.tests
        ),
        signed=_signatures(findings, formats),
    )


def _line(test: Test, value: Value, finding: Finding | None, formats: Formats, today: date) -> ReportLine:
    if finding is None:
        bounds = range_text(value.low, value.high) if value.entered is None else ""
        return ReportLine(value.parameter.name, "", value.unit, "", bounds, "", "", "")
    note = ""
    if finding.is_corrected:
        note = _("corrected %(when)s") % {"when": _moment(finding.released_at, formats)}
    return ReportLine(
        name=finding.name,
        result=finding.value,
        unit=finding.unit,
        flag=FLAGS[Flag(finding.flag)],
        usual=finding.usual,
        earlier=earlier_text(value.earlier, formats, today=today),
        note=note,
        signed=formats.person(finding.verified_by or finding.entered_by),
    )


def _moment(at: datetime, formats: Formats) -> str:
    return f"{formats.day(formats.local_date(at))} {formats.time(at)}"


def _signatures(findings: list[Finding], formats: Formats) -> str:
    """Who stands by the results: those who verified them, or else those who entered them."""
    verified = sorted({formats.person(finding.verified_by) for finding in findings if finding.verified_by})
    if verified:
        return _("Verified by %(who)s") % {"who": ", ".join(verified)}
    entered = sorted({formats.person(finding.entered_by) for finding in findings})
    return _("Entered by %(who)s") % {"who": ", ".join(entered)} if entered else ""


def report_pdf(report: Report, *, hospital: str, address: str, printed: str, made_at: datetime) -> bytes:
    """The report on A4; ``address`` is where its code leads."""
    title = _("Laboratory report %(number)s") % {"number": report.number}
    document = Document(hospital=hospital, title=title, address=address, printed=printed, made_at=made_at)
    document.facts(
        [
            (_("Patient"), report.patient),
            (_("MRN"), report.mrn),
            (_("Born"), report.about),
            (_("Ordered"), report.ordered),
            (_("Released"), report.issued),
        ]
    )
    if not report.is_complete:
        document.notice(_("Preliminary: some results are still open."))
    if report.is_corrected:
        document.notice(_("Corrected report: it replaces what was reported before."))
    rows: list[tuple[str, ...]] = []
    for test in report.tests:
        is_alone = len(test.lines) == 1 and test.lines[0].name == test.name
        if not is_alone:
            rows.append((test.name,))
        rows.extend(_cells(line) for line in test.lines)
    headings = [_("Test"), _("Result"), "", _("Usual"), _("Before")]
    document.rows(headings, rows, widths=[36, 28, 22, 28, 34], bold=[1, 2])
    document.small(report.signed)
    return document.as_bytes()


def _cells(line: ReportLine) -> tuple[str, ...]:
    name = f"{line.name} ({line.note})" if line.note else line.name
    unit = f" {line.unit}" if line.unit else ""
    return (
        name,
        f"{line.result}{unit}" if line.result else _("open"),
        str(line.flag),
        f"{line.usual}{unit}" if line.usual else "",
        line.earlier,
    )
