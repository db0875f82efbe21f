"""How the body of a market snapshot is stored: as it is, or squeezed."""

from typing import Any

from kisbt.errors import JournalError

SMALLEST = 1024
"""Bytes from which squeezing pays: below, the call costs more than the disk."""


class Squeezer:
    """Zstandard through pyarrow: half the time of zlib, and a reader of datasets has it loaded."""

    def __init__(self) -> None:
        self._codec: Any = None

    def pack(self, body: bytes) -> tuple[str, bytes]:
        """The stored form: its name, and bytes. The name carries the length where it is needed."""
        if len(body) < SMALLEST:
            return "json", body
        return f"zstd:{len(body)}", self._zstd().compress(body, asbytes=True)

    def unpack(self, form: str, stored: bytes) -> bytes:
        """The body of a stored snapshot.

        Raises:
            JournalError: damaged, or a form that this program does not know.
        """
        kind, _, length = form.partition(":")
        if kind == "json":
            return stored
        if kind != "zstd" or not length.isdigit():
            raise JournalError(f"market snapshot in unknown form {form!r}", hint="upgrade kisbt")
        try:
            body: bytes = self._zstd().decompress(stored, int(length), asbytes=True)
        except OSError as error:
            raise JournalError("a market snapshot in the journal is damaged") from error
        return body

    def _zstd(self) -> Any:
        if self._codec is None:
            import pyarrow as pa

            self._codec = pa.Codec("zstd", compression_level=1)
        return self._codec
