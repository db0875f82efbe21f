import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kisbt.kis.auth import MINUTE, KISAuthManager, cache_name
from kisbt.kis.config import Access
from kisbt.kis.environment import Paper, Real
from kisbt.kis.errors import KISAPIError, Refused, Throttled, Unreachable
from kisbt.kis.limits import RateLimiter
from kisbt.kis.wire import Wire
from tests.kis.conftest import config_for
from tests.kis.loopback import APPROVAL, Heard, Loopback, Say, gateway


class Clock:
    """Seconds since 1970 that pass only by sleeping."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def manager(url: str, folder: Path, clock: Clock) -> KISAuthManager[Paper]:
    access = config_for(url).access(Paper())
    wire = Wire(access.rest_url, answer_seconds=0.5, redactor=access.redactor)
    return KISAuthManager(
        access, wire, RateLimiter(1000), folder=folder, epoch=clock, sleep=clock.sleep
    )


def test_token_is_issued_once_and_shared_by_file(
    server: Loopback, tmp_path: Path, clock: Clock
) -> None:
    first = manager(server.url, tmp_path, clock).token()
    second = manager(server.url, tmp_path, clock).token()
    assert first == second
    assert server.tokens == 1
    assert "grant_type" in server.of("/oauth2/tokenP")[0].body


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")
def test_cache_is_readable_by_its_owner_only_and_named_without_secrets(
    server: Loopback, tmp_path: Path, clock: Clock
) -> None:
    auth = manager(server.url, tmp_path / "new" / "folder", clock)
    auth.token()
    (path,) = (tmp_path / "new" / "folder").glob("token-*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.name == f"token-{auth.cache_name}.json"


def test_paper_real_host_and_key_have_a_cache_each() -> None:
    config = config_for("http://127.0.0.1:1")
    other = config_for("http://127.0.0.1:2")
    names = {
        cache_name(config.access(Paper())),
        cache_name(config.access(Real())),
        cache_name(other.access(Paper())),
    }
    assert len(names) == 3


def test_token_is_renewed_before_it_expires(server: Loopback, tmp_path: Path, clock: Clock) -> None:
    auth = manager(server.url, tmp_path, clock)
    first = auth.token()
    clock.now = first.expires - 601
    assert auth.token() == first
    clock.now = first.expires - 599
    assert auth.token() != first
    assert server.tokens == 2


def test_earlier_expiry_of_the_two_fields_counts(
    server: Loopback, tmp_path: Path, clock: Clock
) -> None:
    from datetime import datetime, timedelta

    from kisbt.krx.calendar import KST

    end = datetime.fromtimestamp(clock.now, KST) + timedelta(hours=3)
    body = {
        "access_token": "t" * 30,
        "expires_in": 86400,
        "access_token_token_expired": f"{end:%Y-%m-%d %H:%M:%S}",
    }
    server.say("/oauth2/tokenP", body)
    token = manager(server.url, tmp_path, clock).token()
    assert token.expires == pytest.approx(clock.now + 3 * 3600, abs=1)
    assert token.expires_at.strftime("%H:%M") == end.strftime("%H:%M")


def test_expiry_in_the_past_is_the_servers_clock_and_not_the_tokens_end(
    server: Loopback, tmp_path: Path, clock: Clock
) -> None:
    body = {
        "access_token": "t" * 30,
        "expires_in": 86400,
        "access_token_token_expired": "2020-01-01 00:00:00",
    }
    server.say("/oauth2/tokenP", body)
    assert manager(server.url, tmp_path, clock).token().expires == clock.now + 86400


def test_invalid_token_waits_out_the_minute(server: Loopback, tmp_path: Path, clock: Clock) -> None:
    auth = manager(server.url, tmp_path, clock)
    first = auth.token()
    clock.now += 20
    auth.invalidate(first)
    assert auth.token() != first
    assert sum(clock.slept) == pytest.approx(MINUTE - 20)


def test_impatient_caller_is_told_when_the_next_token_comes(
    server: Loopback, tmp_path: Path, clock: Clock
) -> None:
    auth = manager(server.url, tmp_path, clock)
    auth.invalidate(auth.token())
    with pytest.raises(Throttled) as caught:
        auth.token(patience=3.0)
    assert caught.value.retry_after == pytest.approx(MINUTE)
    assert server.tokens == 1


def test_token_that_somebody_renewed_is_not_dropped(
    server: Loopback, tmp_path: Path, clock: Clock
) -> None:
    one, two = (manager(server.url, tmp_path, clock) for _ in range(2))
    old = one.token()
    two.token()
    clock.now += 100
    one.invalidate(old)
    new = one.token()
    two.invalidate(old)
    assert two.token() == new
    assert server.tokens == 2


def test_token_server_that_was_asked_elsewhere_is_waited_for(
    server: Loopback, tmp_path: Path, clock: Clock
) -> None:
    said = {"error_description": "접근토큰 발급 잠시 후 다시 시도하세요", "error_code": "EGW00133"}
    server.say("/oauth2/tokenP", Say(said, 403))
    manager(server.url, tmp_path, clock).token()
    assert sum(clock.slept) >= 60
    assert len(server.of("/oauth2/tokenP")) == 2


@pytest.mark.parametrize("lost", [Say(hang_up=True), Say(wait=0.7), Say(raw=b"", status=500)])
def test_lost_token_answer_counts_as_an_issue(
    lost: Say, server: Loopback, tmp_path: Path, clock: Clock
) -> None:
    server.say("/oauth2/tokenP", lost)
    manager(server.url, tmp_path, clock).token()
    assert sum(clock.slept) >= 60


def test_gateway_trouble_is_tried_again_soon(
    server: Loopback, tmp_path: Path, clock: Clock
) -> None:
    server.say("/oauth2/tokenP", gateway("EGW00002"), gateway("EGW00201"))
    manager(server.url, tmp_path, clock).token()
    assert 0 < sum(clock.slept) < 10


@pytest.mark.parametrize(("code", "word"), [("EGW00103", "app key"), ("EGW00105", "secret")])
def test_wrong_key_is_refused_in_one_line_that_says_what_to_check(
    code: str, word: str, server: Loopback, tmp_path: Path, clock: Clock
) -> None:
    server.say(
        "/oauth2/tokenP", Say({"error_description": "유효하지 않은", "error_code": code}, 403)
    )
    auth = manager(server.url, tmp_path, clock)
    with pytest.raises(Refused) as caught:
        auth.token()
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    auth.token()  # a refusal issues nothing, so the next try need not wait
    assert clock.slept == []


def test_nobody_listening_is_unreachable(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(Unreachable):
        manager("http://127.0.0.1:9", tmp_path, clock).token()


def test_answer_without_a_token_is_an_error(server: Loopback, tmp_path: Path, clock: Clock) -> None:
    server.say("/oauth2/tokenP", {"access_token": "bad\ntoken"})
    with pytest.raises(KISAPIError, match="without an access_token"):
        manager(server.url, tmp_path, clock).token()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"token": 3, "expires": 1}', b"\xff\x00"])
def test_damaged_cache_is_replaced(
    content: bytes, server: Loopback, tmp_path: Path, clock: Clock
) -> None:
    auth = manager(server.url, tmp_path, clock)
    (tmp_path / f"token-{auth.cache_name}.json").write_bytes(content)
    auth.token()
    assert server.tokens == 1


def test_revoked_token_is_given_back_and_forgotten(
    server: Loopback, tmp_path: Path, clock: Clock
) -> None:
    auth = manager(server.url, tmp_path, clock)
    auth.revoke()
    assert server.of("/oauth2/revokeP") == []
    server.default("/oauth2/revokeP", {"code": 200, "message": "ok"})
    token = auth.token()
    auth.revoke()
    assert server.of("/oauth2/revokeP")[0].body["token"] == token.text.get_secret_value()
    clock.now += 100
    assert auth.token() != token


def test_approval_key_is_kept_half_a_day_and_asked_with_secretkey(
    server: Loopback, tmp_path: Path, clock: Clock
) -> None:
    auth = manager(server.url, tmp_path, clock)
    assert auth.approval_key().get_secret_value() == APPROVAL
    auth.approval_key()
    assert len(server.of("/oauth2/Approval")) == 1
    assert "secretkey" in server.of("/oauth2/Approval")[0].body
    auth.approval_key(renew=True)
    clock.now += 13 * 3600
    auth.approval_key()
    assert len(server.of("/oauth2/Approval")) == 3


def test_hashkey_is_what_kis_says(server: Loopback, tmp_path: Path, clock: Clock) -> None:
    def answer(heard: Heard) -> Say:
        assert "appkey" in heard.headers
        return Say({"BODY": heard.body, "HASH": "abc123"})

    server.default("/uapi/hashkey", answer)
    assert manager(server.url, tmp_path, clock).hashkey({"PDNO": "005930"}) == "abc123"


def test_nothing_printed_holds_a_secret(server: Loopback, tmp_path: Path, clock: Clock) -> None:
    auth = manager(server.url, tmp_path, clock)
    token = auth.token()
    access: Access[Paper] = config_for(server.url).access(Paper())
    shown = repr((token, access, auth.approval_key(), config_for(server.url)))
    for secret in (token.text, access.app_key, access.app_secret, access.account, access.hts_id):
        assert secret.get_secret_value() not in shown


def test_threads_share_one_issue(server: Loopback, tmp_path: Path, clock: Clock) -> None:
    auth = manager(server.url, tmp_path, clock)
    with ThreadPoolExecutor(12) as pool:
        tokens = set(pool.map(lambda _: auth.token(), range(24)))
    assert len(tokens) == 1
    assert server.tokens == 1


SCRIPT = """
import pathlib, sys
from kisbt.kis.auth import KISAuthManager
from kisbt.kis.config import KISConfig
from kisbt.kis.environment import Paper
from kisbt.kis.limits import RateLimiter
from kisbt.kis.wire import Wire
keys = {"paper_app": "a" * 9, "paper_sec": "b" * 9, "my_paper_stock": "12345678"}
access = KISConfig({**keys, "vps": sys.argv[1]}, "test").access(Paper())
auth = KISAuthManager(access, Wire(sys.argv[1]), RateLimiter(9), folder=pathlib.Path(sys.argv[2]))
print(auth.token().text.get_secret_value())
"""


def test_processes_share_one_issue(server: Loopback, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, server.url, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    tokens = {process.communicate(timeout=60)[0] for process in running}
    assert len(tokens) == 1
    assert tokens != {b""}
    assert server.tokens == 1


class MinuteServer:
    """Issues a token a minute and notes when it was asked too early."""

    def __init__(self, server: Loopback, clock: Clock, faults: list[int]) -> None:
        self.clock, self.faults = clock, faults
        self.issued: list[float] = []
        self.too_early = 0
        server.default("/oauth2/tokenP", self.answer)

    def answer(self, _: Heard) -> Say:
        fault = self.faults.pop() if self.faults else 0
        if fault == 1:
            return gateway("EGW00002")
        if self.issued and self.clock.now - self.issued[-1] < 60:
            self.too_early += 1
            return Say({"error_code": "EGW00133", "error_description": "1분당 1회"}, 403)
        self.clock.now += 20 if fault == 2 else 0  # a slow answer, and then a lost one
        self.issued.append(self.clock.now)
        text = f"token-{len(self.issued):020d}"
        return Say(hang_up=True) if fault == 2 else Say({"access_token": text, "expires_in": 300})


@given(
    steps=st.lists(st.tuples(st.integers(0, 1), st.floats(0, 400), st.booleans()), max_size=12),
    faults=st.lists(st.integers(0, 2), max_size=4),
)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_two_processes_never_ask_for_two_tokens_a_minute(
    server: Loopback,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, float, bool]],
    faults: list[int],
) -> None:
    """Whatever expires, is refused or gets lost: the issues stay a minute apart."""
    clock, folder = Clock(), tmp_path_factory.mktemp("tokens")
    rule = MinuteServer(server, clock, list(faults))
    processes = [manager(server.url, folder, clock) for _ in range(2)]
    for who, passes, refused in steps:
        clock.now += passes
        try:
            token = processes[who].token(patience=200.0)
        except (Throttled, Unreachable):
            continue
        if refused:
            processes[who].invalidate(token)
    assert rule.too_early == 0
    gaps = [later - earlier for earlier, later in zip(rule.issued, rule.issued[1:], strict=False)]
    assert all(gap >= 60 for gap in gaps)
