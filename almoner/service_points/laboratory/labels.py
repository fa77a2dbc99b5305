"""Sample labels: a bar code that a scanner reads, and what a label needs. Never the name of a test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from barcode import Code128
from django.utils.html import format_html
from django.utils.safestring import SafeString

from almoner.pages.presenters import Formats
from almoner.patients.models import Patient
from almoner.service_points.laboratory.queries import SampleSeen

_QUIET_MODULES = 10


@dataclass(frozen=True, slots=True)
class Label:
    """A label of 50 × 25 mm. ``picture`` is the accession number as Code 128."""

    accession_number: str
    picture: SafeString
    patient: str
    mrn: str
    born: str
    order: str
    specimen: str
    collected: str


def bar_code(text: str) -> SafeString:
    """``text`` as Code 128 with its quiet zones: SVG without a script or a style, as wide as its box."""
    modules = Code128(text).build()[0]
    bars, start = [], None
    for position, module in enumerate(f"{modules}0"):
        if module == "1" and start is None:
            start = position
        elif module != "1" and start is not None:
            bars.append(f"M{start + _QUIET_MODULES} 0h{position - start}v1h-{position - start}z")
            start = None
    return format_html(
        '<svg class="bar-code" role="img" aria-label="{}" viewBox="0 0 {} 1" preserveAspectRatio="none">'
        '<path d="{}"/></svg>',
        text,
        len(modules) + 2 * _QUIET_MODULES,
        "".join(bars),
    )


def labels(patient: Patient, order: str, samples: Iterable[SampleSeen], formats: Formats) -> list[Label]:
    """A label for each sample that was not rejected."""
    return [
        Label(
            accession_number=sample.accession_number,
            picture=bar_code(sample.accession_number),
            patient=patient.name,
            mrn=patient.mrn,
            born=formats.day(patient.birth_date) if patient.birth_date else "",
            order=order,
            specimen=sample.specimen,
            collected=f"{formats.day(formats.local_date(sample.collected_at))} "
            f"{formats.time(sample.collected_at)}",
        )
        for sample in samples
        if sample.rejected_at is None
    ]
