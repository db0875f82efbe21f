from collections.abc import Iterator
from pathlib import Path

import pytest

from kisbt.report.comparison import write_comparison
from kisbt.report.contest import contest_of
from kisbt.report.tearsheet import write_tearsheet
from tests.report.chromium import EXECUTABLE, Chromium, running
from tests.report.fakes import fake_result

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium is installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with running() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def tearsheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "tearsheet.html"
    return write_tearsheet(fake_result(sessions=320), path)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "comparison.html"
    return write_comparison(contest_of([fake_result(seed=n, sessions=200) for n in range(3)]), path)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("tearsheet", ("결과를 보기 전에", "합성 데이터", "핵심 수치", "이동 변동성 (6개월)")),
        ("comparison", ("판단 보류", "차이는 우연인가", "누적 수익률", "최대 낙폭")),
    ],
)
def test_page_opens_without_request_complaint_or_overflow(
    browser: Chromium, request: pytest.FixtureRequest, page: str, words: tuple[str, ...], width: int
) -> None:
    path: Path = request.getfixturevalue(page)
    visit = browser.visit(path.as_uri(), width)
    assert [url for url in visit.requests if not url.startswith("data:")] == [path.as_uri()]
    assert visit.failed == ()
    assert visit.complaints == ()
    assert visit.page_width <= width
    for word in words:
        assert word in visit.text


def test_browser_notices_what_the_page_must_not_do(browser: Chromium, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<body style="width:3000px"><img src="missing.png"><script>console.error("x")</script>',
        encoding="utf-8",
    )
    visit = browser.visit(bad.as_uri(), 1280)
    assert visit.failed
    assert visit.complaints
    assert visit.page_width >= 3000
