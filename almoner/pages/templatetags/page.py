"""Tags of the pages' templates. ``{% load page %}``."""

from __future__ import annotations

from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, title: str = "") -> SafeString:
    """A Tabler icon (tabler.io/icons) out of the sprite. Without ``title`` it is decoration."""
    address = f"{static('dist/icons.svg')}#{name}"
    if title:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>', title, address
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"></use></svg>', address)


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, **attributes: str) -> dict[str, Any]:
    """A field with its label, help and problem. ``attributes`` go to the input (``autofocus=""``)."""
    widget = bound.field.widget
    kind = "line"
    if isinstance(widget, CheckboxInput):
        kind = "check"
    elif isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        kind = "choices"
    css = {"check": "form-check-input", "choices": ""}.get(
        kind, "form-select" if isinstance(widget, Select) else "form-control"
    )
    problem = bound.errors[0] if bound.errors else ""
    described = [f"{bound.auto_id}-problem"] if problem else []
    if bound.help_text:
        described.append(f"{bound.auto_id}-help")
    attrs: dict[str, str | bool] = {"class": css} if css else {}
    if described and kind != "choices":
        attrs["aria-describedby"] = " ".join(described)
    if problem and kind != "choices":
        attrs["aria-invalid"] = "true"
    attrs.update({name.replace("_", "-"): value for name, value in attributes.items()})
    return {
        "kind": kind,
        "id": bound.auto_id,
        "label": bound.label,
        "required": bound.field.required,
        "help": bound.help_text or "",
        "problem": problem,
        "widget": bound.as_widget(attrs=attrs),
    }
