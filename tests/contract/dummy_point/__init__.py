"""A sixth service point, radiology in miniature: one folder and one line in ``INSTALLED_APPS``."""
