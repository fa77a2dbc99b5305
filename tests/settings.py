"""The application's settings, with a sixth service point that the core has never heard of."""

from almoner.shell.settings import *  # noqa: F403
from almoner.shell.settings import INSTALLED_APPS, LANGUAGES

INSTALLED_APPS = [*INSTALLED_APPS, "tests.contract.dummy_point"]

# Tests log in as fast as they like; those of the limits choose the cache that counts.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

# Nobody has translated it yet: what is tested is that pages turn around.
LANGUAGES = [*LANGUAGES, ("ar", "العربية")]

# Hashing a password is slow on purpose; tests that log in have nothing to protect.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
