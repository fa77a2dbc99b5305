"""Static files: named by their content once collected, by their plain name before."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Pages render before ``collectstatic`` ran too (tests, development): with the files' plain names.

    After it ran, a file that it did not find is an error as usual.
    """

    def stored_name(self, name: str) -> str:
        if not self.hashed_files:
            return name
        return str(super().stored_name(name))
