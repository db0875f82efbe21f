"""An optional git commit after a change of the prompts."""

import shutil
import subprocess
from pathlib import Path

from kisbt.errors import PromptError


def require_work_tree(folder: Path) -> None:
    """Make sure that a commit of ``folder`` can be made, before anything is changed.

    Raises:
        PromptError: git is missing, or the folder is not in a work tree.
    """
    if shutil.which("git") is None:
        raise PromptError("--commit needs git, which is not installed", hint="leave --commit out")
    answer = _git(folder, "rev-parse", "--is-inside-work-tree")
    if answer.returncode or answer.stdout.strip() != "true":
        raise PromptError(f"--commit needs a git work tree: {folder}", hint="leave --commit out")


def commit(folder: Path, message: str) -> str:
    """Commit everything that changed below ``folder`` and nothing else; return the short hash.

    Raises:
        PromptError: git refused; the prompts themselves are changed already.
    """
    for arguments in (("add", "--", "."), ("commit", "--quiet", "-m", message, "--", ".")):
        answer = _git(folder, *arguments)
        if answer.returncode:
            said = (answer.stderr or answer.stdout).strip().splitlines() or ["no reason given"]
            raise PromptError(
                f"the prompts are changed, but git {arguments[0]} failed: {said[-1]}",
                hint="commit by hand",
            )
    return _git(folder, "rev-parse", "--short", "HEAD").stdout.strip()


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
