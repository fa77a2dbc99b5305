"""The application as a web server runs it."""

from django.core.wsgi import get_wsgi_application

django = get_wsgi_application()

from almoner.pages.live import answers_pages_that_wait  # noqa: E402  (needs Django's models)

application = answers_pages_that_wait(django)
