"""What is wrong with a prompt version, and where."""

from typing import Literal, NamedTuple

from kisbt.errors import PromptError


class Finding(NamedTuple):
    """One fault or doubt. ``line`` is 1-based in the file ``source``."""

    level: Literal["error", "warning"]
    code: str
    source: str
    line: int
    message: str
    hint: str | None = None

    def error(self) -> PromptError:
        """The finding as the error that stops whoever needs the version."""
        return PromptError(f"{self.source}:{self.line}: {self.message}", hint=self.hint)
