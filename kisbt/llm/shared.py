"""One server and one cache file for all runs of a process."""

import os
import threading
from pathlib import Path

from kisbt.config import LLMSettings
from kisbt.llm.cache import ReplyCache
from kisbt.llm.client import LLMClient, Mode
from kisbt.llm.endpoint import Endpoint
from kisbt.llm.meter import Meter

_lock = threading.Lock()
_endpoints: dict[tuple[object, ...], Endpoint] = {}
_caches: dict[tuple[Path, int], tuple[ReplyCache, int]] = {}

_OF_THE_SERVER = (
    "base_url",
    "api_key_env",
    "timeout_seconds",
    "structured",
    "concurrency",
    "requests_per_minute",
    "tokens_per_minute",
    "retries",
)


def shared_client(
    settings: LLMSettings, cache: Path, *, mode: Mode, meter: Meter, label: str = ""
) -> LLMClient:
    """The model of one run, over the process's one connection pool, limiter and cache.

    Args:
        settings: Model, parameters and server.
        cache: The file of recorded replies; see ``Settings.llm_cache``.
        mode: ``record`` or ``replay``; a replay needs no key, and that the file is there.
        meter: The command's.
        label: The run's name in the meter.

    Raises:
        ConfigError: no model, no key, a bad address, or a cache that cannot be used.
    """
    replies = shared_cache(cache, create=mode == "record")
    endpoint = shared_endpoint(settings) if mode == "record" and settings.model else None
    return LLMClient(settings, replies, mode=mode, meter=meter, label=label, endpoint=endpoint)


def shared_endpoint(settings: LLMSettings) -> Endpoint:
    """The process's connections to the server of ``settings``.

    Raises:
        ConfigError: no key, or a bad address.
    """
    of_server = [getattr(settings, name) for name in _OF_THE_SERVER]
    place = (os.getpid(), os.environ.get(settings.api_key_env), *of_server)
    with _lock:
        endpoint = _endpoints.get(place)
        if endpoint is None:
            endpoint = _endpoints[place] = Endpoint(settings)
        return endpoint


def shared_cache(path: Path, *, create: bool = True) -> ReplyCache:
    """The process's view of one file of recorded replies.

    Raises:
        ConfigError: it cannot be used, or is not there and ``create`` is false.
    """
    place = (path.resolve(), os.getpid())
    with _lock:
        known = _caches.get(place)
        if known is not None:
            if path.is_file() and path.stat().st_ino == known[1]:
                return known[0]
            known[0].close()  # somebody removed or replaced the file
        cache = ReplyCache(path, create=create)
        _caches[place] = (cache, path.stat().st_ino)
        return cache


def close_shared() -> None:
    """Close everything, as at the end of a command."""
    with _lock:
        for endpoint in _endpoints.values():
            endpoint.close()
        for cache, _ in _caches.values():
            cache.close()
        _endpoints.clear()
        _caches.clear()
