"""How dates are written: in the reader's language, as the hospital's country writes it."""

from __future__ import annotations

from babel import Locale, localedata
from django.utils.translation import to_locale


def date_locale(language: str, hospital_locale: str) -> str:
    """``language`` (such as ``es``) as the hospital's country writes it, where the Unicode CLDR knows such a thing:
    a Spanish reader at a hospital of ``en_US`` gets ``es_US``, a Hindi reader there ``hi``."""
    code = to_locale(language).partition("_")[0]
    own = Locale.parse(hospital_locale)
    if own.language == code:
        return hospital_locale
    regional = f"{code}_{own.territory}"
    return regional if localedata.exists(regional) else code
