"""Tags of the base templates. ``{% load page %}``."""

from __future__ import annotations

from django import template
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
