"""The command line starts at once: what it imports before it knows the command is listed here."""

import re
import subprocess
import sys

from tests.run.conftest import CHECKOUT

BEFORE_A_COMMAND = {"kisbt", "typer", "shellingham", "annotated_doc", "typing_extensions"}
"""Distributions that ``kisbt --help`` may load; typer and what typer itself needs."""

SCRIPT = """
import sys
sys.argv = ["kisbt", *sys.argv[1:]]
from kisbt.cli import main
try:
    main()
except SystemExit:
    pass
import importlib.metadata
of = importlib.metadata.packages_distributions()
tops = {name.partition(".")[0] for name in sys.modules}
print("LOADED", *sorted(top for top in tops if top in of and not top.startswith("_")))
"""


def loaded(*args: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *args],
        capture_output=True, text=True, check=True, cwd=CHECKOUT, encoding="utf-8",
    )  # fmt: skip
    return set(done.stdout.rpartition("LOADED ")[2].split())


def test_help_loads_nothing_heavy() -> None:
    assert loaded("--help") <= BEFORE_A_COMMAND
    heavy = {"pandas", "numpy", "backtrader", "sqlalchemy", "langgraph", "quantstats", "openai"}
    assert not loaded("backtest", "--help") & heavy


def test_every_command_has_help_and_json() -> None:
    def say(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "kisbt", *words, "--help"],
            capture_output=True, text=True, check=True, cwd=CHECKOUT, encoding="utf-8",
        )  # fmt: skip
        return done.stdout

    def commands(text: str) -> list[str]:
        return re.findall(r"^  (\w+)  ", text.partition("Commands:")[2], re.MULTILINE)

    found = 0
    for name in commands(say()):
        text = say(name)
        for words, page in [((name, sub), say(name, sub)) for sub in commands(text)] or [
            ((name,), text)
        ]:
            found += 1
            assert "--json" in page, words
            assert len(page.partition("\n\n")[2].strip()) > 40, words
    assert found > 15
