"""How large a file a page takes, told before anything of it is stored."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

MAXIMUM_BYTES = 12 * 1024 * 1024


class RefuseLargeUploads(FileUploadHandler):
    """Refuses a form with files of more than ``MAXIMUM_BYTES`` (400); leaves smaller ones to the next handlers."""

    def handle_raw_input(
        self, input_data: Any, meta: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        if content_length > MAXIMUM_BYTES:
            raise RequestDataTooBig(f"A form with files has at most {MAXIMUM_BYTES} bytes.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
