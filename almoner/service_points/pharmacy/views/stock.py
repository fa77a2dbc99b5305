"""The stock: what the stores keep, one item with its batches, receiving, adjusting, counting."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done, go_to
from almoner.pages.forms import sent
from almoner.pages.live import live_page
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.service_points.pharmacy import operations, stock_presenting, stock_queries
from almoner.service_points.pharmacy.forms import AdjustForm, CountForm, ExpiryForm, MinimumForm, ReceiveForm
from almoner.service_points.pharmacy.models import StockMovement
from almoner.service_points.pharmacy.operations import PERMISSION_STOCK
from almoner.service_points.pharmacy.rules import Scanned, plain, read_gs1

INVALID = 422
STORE = "pharmacy_store"


@require_safe
@hospital_view(PERMISSION_STOCK)
def stock(request: HospitalRequest) -> HttpResponse:
    """``/pharmacy/stock/?q=words&show=low``: what the stores keep."""
    words = request.GET.get("q", "").replace("\x00", "")[:100].strip()
    show = request.GET.get("show", "")
    show = show if show in stock_queries.SHOWN else ""
    lines = stock_queries.stock_list(today=request.today, words=words, show=show)
    context = {
        "rows": [stock_presenting.stock_row(line, request.formats) for line in lines],
        "words": words,
        "show": show,
        "views": stock_presenting.views(words, show),
        "is_full": len(lines) == stock_queries.MAXIMUM_ITEMS,
    }
    query = urlencode({"q": words, "show": show})
    return live_page(request, "pharmacy/stock.html", "pharmacy/stock_content.html", context, query=query)


@require_safe
@hospital_view(PERMISSION_STOCK)
def item(request: HospitalRequest, stock_item_id: UUID) -> HttpResponse:
    """``/pharmacy/stock/ID/``: one item with its batches and what moved."""
    found = stock_queries.stock_file(stock_item_id, today=request.today)
    formats = request.formats
    context = {
        "row": stock_presenting.stock_row(found.line, formats),
        "batches": [stock_presenting.batch_row(one, formats, today=request.today) for one in found.batches],
        "movements": [
            stock_presenting.movement_row(one, formats, today=request.today) for one in found.movements
        ],
        "receive_url": f"{reverse('pharmacy:receive')}?{urlencode({'service': found.line.service_code})}",
    }
    return live_page(request, "pharmacy/stock_item.html", "pharmacy/stock_item_content.html", context)


def _receive_form(
    request: HospitalRequest, data: object, *, is_scanned: bool = False, **initial: object
) -> ReceiveForm:
    with transaction(request.hospital.id):
        stores = stock_queries.stores()
        medications = stock_queries.medications()
    initial.setdefault("store", request.session.get(STORE, ""))
    return ReceiveForm(data, stores=stores, medications=medications, is_scanned=is_scanned, initial=initial)


def _scanned_form(request: HospitalRequest, scanned: Scanned) -> ReceiveForm:
    """The form as it was typed, with the batch and expiry that the code on the box says."""
    typed: dict[str, object] = {
        name: request.POST.get(name, "")
        for name in ("store", "service", "expires_on", "quantity", "reference")
    }
    if scanned.expires_on is not None:
        typed["expires_on"] = scanned.expires_on
    return _receive_form(request, None, is_scanned=True, **{**typed, "batch_number": scanned.batch_number})


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_STOCK)
def receive(request: HospitalRequest) -> HttpResponse:
    """``/pharmacy/stock/receive/``: a delivery, batch by batch; the form comes back for the next one.

    A scanned code fills in its batch and expiry, and nothing is received yet.
    """
    if request.method != "POST":
        form = _receive_form(request, None, service=request.GET.get("service", "")[:80])
        return render(request, "pharmacy/receive.html", {"form": form, "action": request.path})
    scanned = read_gs1(request.POST.get("batch_number", ""))
    if scanned is not None:
        form = _scanned_form(request, scanned)
        return render(request, "pharmacy/receive_form.html", {"form": form, "action": request.path})
    form = _receive_form(request, request.POST)
    moved = form.attempt(lambda: _receive(request, form))
    context = {"form": form, "action": request.path}
    if moved is None:
        return render(request, "pharmacy/receive_form.html", context, status=INVALID)
    request.session[STORE] = form.cleaned_data["store"]
    names = dict(form.fields["service"].choices)  # type: ignore[attr-defined]
    said = _("%(quantity)s × %(name)s received, batch %(batch)s.") % {
        "quantity": plain(moved.quantity),
        "name": names[form.cleaned_data["service"]],
        "batch": form.cleaned_data["batch_number"],
    }
    context["form"] = _receive_form(request, None, reference=form.cleaned_data["reference"])
    return done(said, render(request, "pharmacy/receive_form.html", context))


def _receive(request: HospitalRequest, form: ReceiveForm) -> StockMovement:
    data = form.cleaned_data
    return operations.receive(
        request.hospital.id,
        store=data["store"],
        service=data["service"],
        batch_number=data["batch_number"],
        expires_on=data["expires_on"],
        quantity=data["quantity"],
        reference=data["reference"],
        idempotency_key=form.key,
        actor=request.actor,
        at=request.at,
    )


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_STOCK)
def adjust(request: HospitalRequest, batch_id: UUID) -> HttpResponse:
    """The dialog in which stock is found, missing or disposed of."""
    with transaction(request.hospital.id):
        batch = stock_queries.batch_file(batch_id)
    form = AdjustForm(sent(request))
    if request.method == "POST":
        moved = form.attempt(lambda: _adjust(request, batch_id, form))
        if moved is not None:
            return done(_("The stock of batch %(number)s is changed.") % {"number": batch.number})
    row = stock_presenting.batch_row(batch, request.formats, today=request.today)
    context = {"form": form, "row": row, "medication": batch.item.service.name, "action": request.path}
    return render(request, "pharmacy/adjust.html", context, status=INVALID if form.errors else 200)


def _adjust(request: HospitalRequest, batch_id: UUID, form: AdjustForm) -> StockMovement:
    change = operations.dispose if form.cleaned_data["action"] == "disposed" else operations.adjust
    return change(
        request.hospital.id,
        batch_id,
        quantity=form.signed,
        reason=form.cleaned_data["reason"],
        idempotency_key=form.key,
        actor=request.actor,
        at=request.at,
    )


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_STOCK)
def expiry(request: HospitalRequest, batch_id: UUID) -> HttpResponse:
    """The dialog in which a mistyped expiry is corrected."""
    with transaction(request.hospital.id):
        batch = stock_queries.batch_file(batch_id)
    form = ExpiryForm(sent(request), initial={"expires_on": batch.expires_on})
    if request.method == "POST":
        corrected = form.attempt(
            lambda: operations.correct_expiry(
                request.hospital.id,
                batch_id,
                expires_on=form.cleaned_data["expires_on"],
                reason=form.cleaned_data["reason"],
                actor=request.actor,
                at=request.at,
            )
        )
        if corrected is not None:
            day = request.formats.day(corrected.expires_on)
            return done(_("Batch %(number)s expires %(day)s.") % {"number": batch.number, "day": day})
    row = stock_presenting.batch_row(batch, request.formats, today=request.today)
    context = {"form": form, "row": row, "medication": batch.item.service.name, "action": request.path}
    return render(request, "pharmacy/expiry.html", context, status=INVALID if form.errors else 200)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_STOCK)
def minimum(request: HospitalRequest, stock_item_id: UUID) -> HttpResponse:
    """The dialog that says when an item is low."""
    with transaction(request.hospital.id):
        found = stock_queries.stock_file(stock_item_id, today=request.today)
    form = MinimumForm(sent(request), initial={"minimum": plain(found.line.minimum)})
    if request.method == "POST":
        changed = form.attempt(
            lambda: operations.set_minimum(
                request.hospital.id,
                stock_item_id,
                minimum=form.cleaned_data["minimum"],
                actor=request.actor,
                at=request.at,
            )
        )
        if changed is not None:
            return done(_("It is low at or below %(minimum)s.") % {"minimum": plain(changed.minimum)})
    context = {"form": form, "medication": found.line.service, "action": request.path}
    return render(request, "pharmacy/minimum.html", context, status=INVALID if form.errors else 200)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_STOCK)
def count(request: HospitalRequest, stock_item_id: UUID) -> HttpResponse:
    """``/pharmacy/stock/ID/count/``: the blind count sheet; then the differences, to confirm or count again."""
    with transaction(request.hospital.id):
        found = stock_queries.stock_file(stock_item_id, today=request.today)
    batches = [
        (one.id, stock_presenting.batch_label(one, request.formats))
        for one in found.batches
        if one.on_hand or one.expires_on >= request.today
    ]
    form = CountForm(sent(request), batches=batches, initial={"began_at": request.at.isoformat()})
    context = {"form": form, "row": stock_presenting.stock_row(found.line, request.formats)}
    context["action"] = request.path
    if request.method != "POST":
        return render(request, "pharmacy/count.html", context)
    if form.is_valid() and not form.cleaned_data["confirmed"]:
        with transaction(request.hospital.id):
            compared = operations.compare_count(form.counted, began_at=form.started)
        context["differences"] = stock_presenting.differences(compared)
        return render(request, "pharmacy/count_form.html", context)
    lines = form.attempt(
        lambda: operations.count(
            request.hospital.id,
            stock_item_id,
            counted=form.counted,
            began_at=form.started,
            idempotency_key=form.key,
            actor=request.actor,
            at=request.at,
        )
    )
    if lines is not None:
        return go_to(reverse("pharmacy:stock-item", args=[stock_item_id]))
    return render(request, "pharmacy/count_form.html", context, status=INVALID)
