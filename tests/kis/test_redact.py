import logging

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kisbt.kis.redact import MASK, RedactingFilter, Redactor, guard_foreign_loggers

secrets = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789+/=-_.", min_size=4, max_size=40)


@given(st.lists(secrets, min_size=1, max_size=4), st.text(max_size=40), st.text(max_size=40))
def test_no_known_secret_survives(known: list[str], before: str, after: str) -> None:
    assume(not any(secret in MASK for secret in known))
    redactor = Redactor(*known)
    clean = redactor.text(before + known[0] + after)
    assert known[0] not in clean.replace(MASK, "")


@pytest.mark.parametrize(
    "text",
    [
        "authorization: Bearer abcdefghijklmnop",
        "GET /x?CANO=50123456&ACNT_PRDT_CD=01",
        '{"appkey": "PSabcdefgh", "appsecret":"zzzzzzzz"}',
        "token eyJhbGciOiJIUzUxMiJ9.eyJzdWIiOiJ0b2tlbiJ9.c2lnbmF0dXJl end",
        'approval_key="0f0e0d0c-1111"',
    ],
)
def test_what_looks_like_a_secret_is_masked_unseen(text: str) -> None:
    clean = Redactor().text(text)
    assert MASK in clean
    for secret in ("abcdefghijklmnop", "50123456", "PSabcdefgh", "zzzzzzzz", "c2lnbmF0", "0f0e0d"):
        assert secret not in clean


def test_ordinary_words_are_left_alone() -> None:
    text = "inquire_price: 초당 거래건수를 초과하였습니다. (EGW00201) 005930 70,100"
    assert Redactor("ab", "").text(text) == text


def test_longer_secret_is_masked_whole() -> None:
    assert Redactor("50123456", "5012345601").text("no 5012345601.") == f"no {MASK}."


def test_foreign_log_records_are_cleaned(caplog: pytest.LogCaptureFixture) -> None:
    redactor = Redactor("50123456")
    guard_foreign_loggers(redactor)
    guard_foreign_loggers(redactor)
    foreign = logging.getLogger("urllib3.connectionpool")
    assert sum(isinstance(known, RedactingFilter) for known in foreign.filters) == 1
    with caplog.at_level(logging.DEBUG):
        foreign.debug('"%s %s" %s', "GET", "/x?CANO=50123456", 200)
        foreign.debug("broken %s %s", "50123456")
    assert "50123456" not in "".join(caplog.messages)
    assert "200" in caplog.messages[0]


def test_redactor_does_not_print_what_it_knows() -> None:
    assert "50123456" not in repr(Redactor("50123456"))
