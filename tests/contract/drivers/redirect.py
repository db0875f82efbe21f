"""Sends what a KIS client addresses to KIS to a simulator instead, at run time.

Only the transports are touched: requests, httpx, urllib, websockets and websocket-client. The
client under test runs as it was published.
"""

import json
import sys
import time
import urllib.request

SETUP = json.loads(sys.argv[1])
HOSTS = SETUP["hosts"]


def moved(url: str) -> str:
    """The simulator's address for one of KIS's."""
    for kis, ours in HOSTS.items():
        if url.startswith(kis):
            return ours + url[len(kis) :]
    return url


def install(pause: float = 0.0) -> None:
    """Redirect every transport that is installed here; ``pause`` seconds before each request."""
    try:
        import requests

        send = requests.adapters.HTTPAdapter.send

        def redirected(self, request, *args, **kwargs):  # type: ignore[no-untyped-def]
            time.sleep(pause)
            request.url = moved(request.url)
            return send(self, request, *args, **kwargs)

        requests.adapters.HTTPAdapter.send = redirected
        get_adapter = requests.Session.get_adapter
        requests.Session.get_adapter = lambda self, url: get_adapter(self, moved(url))
    except ImportError:
        pass
    try:
        import httpx

        send_httpx = httpx.Client.send

        def redirected_httpx(self, request, **kwargs):  # type: ignore[no-untyped-def]
            request.url = httpx.URL(moved(str(request.url)))
            request.headers["host"] = request.url.netloc.decode()
            return send_httpx(self, request, **kwargs)

        httpx.Client.send = redirected_httpx
    except ImportError:
        pass
    try:
        import websockets

        connect = websockets.connect
        websockets.connect = lambda uri, *args, **kwargs: connect(moved(uri), *args, **kwargs)
    except ImportError:
        pass
    try:
        import websocket

        create = websocket.WebSocketApp.__init__

        def redirected_app(self, url, *args, **kwargs):  # type: ignore[no-untyped-def]
            create(self, moved(url), *args, **kwargs)

        websocket.WebSocketApp.__init__ = redirected_app
    except ImportError:
        pass
    urlopen = urllib.request.urlopen
    urllib.request.urlopen = lambda url, *args, **kwargs: urlopen(
        moved(url if isinstance(url, str) else url.full_url), *args, **kwargs
    )


def control(what: str, body: dict | None = None) -> dict:
    """The simulator's control endpoint, past the client."""
    address = f"{SETUP['control']}/control/{what}"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(address, data=data, timeout=30) as answer:
        return json.load(answer)


def report(result: dict) -> None:
    """Hand the observations to the test."""
    line = "RESULT " + json.dumps(result, ensure_ascii=False, default=str)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
