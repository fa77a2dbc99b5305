"""``/healthz``: is this server able to work?"""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers and its tables are there, else 503. No log-in, no hospital."""
    # A kept connection may have died with an earlier server: the second try opens a new one.
    if _database_answers() or _database_answers():
        return JsonResponse({"status": "ok"})
    return JsonResponse({"status": "unavailable", "reason": "database"}, status=503)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM (SELECT FROM hospitals_hospital LIMIT 1) AS probe")
    except DatabaseError:
        connection.close()
        return False
    return True
