import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.errors import ConfigError
from kisbt.kis.config import FILE, load_config
from kisbt.kis.endpoints import ENDPOINTS, Family
from kisbt.kis.environment import Paper, PaperTrId, QuoteTrId, Real, RealQuotes, RealTrId
from kisbt.kis.errors import NotOnPaper, Refused

TEMPLATE = """\
# 홈페이지에서 API서비스 신청시 발급받은 키
my_app: "REALKEY1234"
my_sec: "REALSECRET+/=="
paper_app: PAPERKEY1234
paper_sec: PAPERSECRET+/==
my_htsid: "login"
my_acct_stock: "12345678"
my_acct_future: "87654321"
my_paper_stock: 01234567
my_prod: 01
my_token: ""
my_agent: "Mozilla/5.0"
"""


def write(folder: Path, text: str | bytes) -> Path:
    content = text if isinstance(text, bytes) else text.encode()
    (folder / FILE).write_bytes(content)
    return folder


def test_file_is_read_as_users_have_it(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, TEMPLATE), {})
    paper, real = config.access(Paper()), config.access(Real())
    assert paper.account.get_secret_value() == "01234567"  # not an octal number
    assert paper.product == "01"
    assert paper.rest_url == "https://openapivts.koreainvestment.com:29443"
    assert paper.stream_url == "ws://ops.koreainvestment.com:31000"
    assert real.app_secret.get_secret_value() == "REALSECRET+/=="
    assert real.rest_url == "https://openapi.koreainvestment.com:9443"


def test_urls_in_the_file_redirect(tmp_path: Path) -> None:
    text = TEMPLATE + "vps: http://127.0.0.1:1234/\nvops: ws://127.0.0.1:1235\n"
    access = load_config(write(tmp_path, text), {}).access(Paper())
    assert access.rest_url == "http://127.0.0.1:1234"
    assert access.stream_url == "ws://127.0.0.1:1235"


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    variables = {"KIS_PAPER_APP": "FROMENV1", "KIS_VPS": "http://127.0.0.1:9"}
    access = load_config(write(tmp_path, TEMPLATE), variables).access(Paper())
    assert access.app_key.get_secret_value() == "FROMENV1"
    assert access.rest_url == "http://127.0.0.1:9"


def test_environment_alone_is_enough(tmp_path: Path) -> None:
    variables = {
        "KIS_CONFIG_DIR": str(tmp_path),
        "KIS_PAPER_APP": "a" * 8,
        "KIS_PAPER_SEC": "b" * 8,
        "KIS_MY_PAPER_STOCK": "12345678-22",
    }
    access = load_config(None, variables).access(Paper())
    assert access.product == "22"


BROKEN = {
    "not yaml": ("my_app: [unclosed\nsecret: hunter2hunter2\n", "line"),
    "tabs": ("my_app:\n\t- hunter2hunter2\n", "line"),
    "a list": ("- hunter2hunter2\n", "not a list of"),
    "nested": ("paper_app: {deep: hunter2hunter2}\n", "paper_app"),
    "not utf-8": ("paper_app: 앱키hunter2hunter2".encode("cp949"), "UTF-8"),
    "no key": ("paper_sec: hunter2hunter2\n", "paper_app is missing"),
    "no secret": ("paper_app: hunter2hunter2\n", "paper_sec is missing"),
    "template text": ("paper_app: 모의투자 앱키\npaper_sec: hunter2hunter2\n", "not a key"),
    "no account": ("paper_app: hunter2hunter2\npaper_sec: abcdefgh\n", "my_paper_stock"),
    "short account": (TEMPLATE.replace("01234567", "hunter2"), "account number"),
    "wrong product": (TEMPLATE.replace("my_prod: 01", "my_prod: 99"), "product code '99'"),
    "one key for both": (TEMPLATE.replace("PAPERKEY1234", "REALKEY1234"), "same key"),
    "url without scheme": (TEMPLATE + "vps: openapivts:29443\n", "vps is not a URL"),
    "url with bad port": (TEMPLATE + "vps: http://h:99999999\n", "vps is not a URL"),
    "other host": (
        TEMPLATE + "vps: https://openapi.koreainvestment.com:9443\n",
        "other environment",
    ),
    "agent": (TEMPLATE.replace("Mozilla/5.0", "브라우저"), "my_agent"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_bad_file_is_one_clear_line_without_secrets(case: str, tmp_path: Path) -> None:
    text, expected = BROKEN[case]
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text), {}).access(Paper())
    shown = str(caught.value)
    assert expected in shown
    assert "\n" not in shown
    assert "hunter2hunter2" not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_no_file_and_no_environment_says_where_keys_come_from(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no KIS keys") as caught:
        load_config(tmp_path, {})
    assert "kisbt sim" in (caught.value.hint or "")


def test_config_prints_no_secret(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, TEMPLATE), {})
    shown = f"{config!r} {config.access(Paper())!r}"
    for secret in ("PAPERKEY1234", "PAPERSECRET", "01234567", "login"):
        assert secret not in shown


@given(st.text(max_size=12), st.sampled_from([PaperTrId, QuoteTrId]))
def test_no_text_makes_a_real_trading_id_for_paper(text: str, kind: type[PaperTrId]) -> None:
    try:
        made = kind(text)
    except ValueError:
        return
    assert not made.startswith(("TTT", "TTC", "CTRP", "CTSC"))


def test_real_trading_ids_cannot_be_built_from_a_paper_session() -> None:
    trading = [e for e in ENDPOINTS if e.family is not Family.QUOTE]
    for endpoint in trading:
        with pytest.raises(ValueError, match="not a transaction id"):
            PaperTrId(endpoint.real)
        with pytest.raises(ValueError, match="not a transaction id"):
            QuoteTrId(endpoint.real)
        with pytest.raises(Refused, match="only reads quotes"):
            RealQuotes().tr_id(endpoint)
        if endpoint.paper is not None:
            with pytest.raises(ValueError, match="not a transaction id"):
                RealTrId(endpoint.paper)


def test_every_paper_id_is_a_paper_id_and_every_hole_has_an_error() -> None:
    for endpoint in ENDPOINTS:
        if endpoint.paper is None:
            with pytest.raises(NotOnPaper, match="모의투자"):
                Paper().tr_id(endpoint)
        else:
            assert Paper().tr_id(endpoint) == endpoint.paper
        assert Real().tr_id(endpoint) == endpoint.real


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")
def test_file_that_others_can_read_is_noticed(tmp_path: Path) -> None:
    from kisbt.kis.private_files import open_to_others, write_private

    path = write(tmp_path, TEMPLATE) / FILE
    path.chmod(0o644)
    assert open_to_others(path)
    write_private(path, b"x")
    assert not open_to_others(path)


@pytest.mark.slow
def test_type_checker_tells_the_environments_apart(tmp_path: Path) -> None:
    from mypy import api

    code = """
from kisbt.kis.endpoints import ORDER_BUY
from kisbt.kis.environment import Paper, PaperTrId, Real, RealTrId
from kisbt.kis.session import Session
good: PaperTrId = Paper().tr_id(ORDER_BUY)
mixed: RealTrId = Paper().tr_id(ORDER_BUY)
def trade(session: Session[Real]) -> None: ...
def mistake(session: Session[Paper]) -> None:
    trade(session)
"""
    file = tmp_path / "mistake.py"
    file.write_text(code)
    told, _, _ = api.run(["--strict", str(file)])
    errors = [line for line in told.splitlines() if "error:" in line]
    assert len(errors) == 2, told
    assert "PaperTrId" in errors[0]
    assert "Session[Paper]" in errors[1]
