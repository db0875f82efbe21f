"""Opens and closes that ``exchange_calendars`` lists for XKRX, kept on disk once computed.

Importing the library and computing sixty years takes about four seconds, which every command and
every worker process would pay. What was computed lies in the user's cache folder under the
library's and pandas' versions, and is computed again when it is missing or not what was written.
"""

import contextlib
import hashlib
import io
import os
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import platformdirs

Seconds = npt.NDArray[np.int64]

_BUILT_FROM, _BUILT_TO = "1989-06-01", "2050-12-31"
"""The library gets the hours of the sessions at the ends of what it built wrong, so build more
than is used. It allows no day after 2050."""

_DIGEST = hashlib.sha256().digest_size


def listed_hours(folder: Path | None = None) -> Seconds:
    """Return open and close of every listed session, ``[sessions, 2]`` in seconds, naive KST.

    Args:
        folder: Where they are kept; the user's cache folder when not given.
    """
    name = f"xkrx-{version('exchange_calendars')}-{version('pandas')}.npy"
    path = (folder or Path(platformdirs.user_cache_dir("kisbt")) / "krx") / name
    kept = _read(path)
    if kept is not None:
        return kept
    built = _build()
    _write(path, built)
    return built


def _build() -> Seconds:
    with warnings.catch_warnings():
        # The library trips over a deprecation of pandas 3.1 (Pandas4Warning).
        warnings.simplefilter("ignore")
        from exchange_calendars import get_calendar

        schedule = get_calendar("XKRX", start=_BUILT_FROM, end=_BUILT_TO)
        columns = [
            each.dt.tz_convert("Asia/Seoul").dt.tz_localize(None).to_numpy("datetime64[s]")
            for each in (schedule.opens, schedule.closes)
        ]
    return np.column_stack(columns).astype(np.int64)


def _read(path: Path) -> Seconds | None:
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    digest, body = raw[:_DIGEST], raw[_DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        return None
    return np.asarray(np.load(io.BytesIO(body), allow_pickle=False), dtype=np.int64)


def _write(path: Path, hours: Seconds) -> None:
    """Keep them when the folder can be written; without it every process computes its own."""
    body = io.BytesIO()
    np.save(body, hours, allow_pickle=False)
    raw = body.getvalue()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(raw).digest() + raw)
            os.replace(beside, path)
        except OSError:
            Path(beside).unlink(missing_ok=True)
