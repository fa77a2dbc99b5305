"""Whether a visit has one of the conditions that a policy names (section 8.1)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


def words_of(text: str) -> str:
    """``text`` as its words alone, without accents and case: ``Chest pain!`` gives ``chest_pain``."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return re.sub(r"[\W_]+", "_", plain.casefold()).strip("_")


def named_condition(codes: Iterable[str], conditions: Iterable[str]) -> str:
    """The first of ``codes`` that one of ``conditions`` is, or "".

    A condition is the reason of a visit in words, or a diagnosis' code. It is meant when the words of the code stand
    in it, one after the other: ``chest_pain`` in *Chest pain since noon*, ``i21`` in ``I21.9``.
    """
    told = [f"_{words_of(condition)}_" for condition in conditions]
    return next((code for code in codes if any(f"_{words_of(code)}_" in one for one in told)), "")
