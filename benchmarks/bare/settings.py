"""As little Django as there can be: no middleware, no models, no sessions."""

SECRET_KEY = "only for the benchmark, signs nothing"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.bare.views"
WSGI_APPLICATION = "benchmarks.bare.wsgi.application"
INSTALLED_APPS: list[str] = []
MIDDLEWARE: list[str] = []
USE_TZ = True
