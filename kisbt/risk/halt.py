"""The emergency stop (비상 정지)."""


class HaltSwitch:
    """Once pulled, no order goes out until a person resumes. Call it to ask.

    In memory only; a live run persists the halt and hands its own callable to the desk.
    """

    __slots__ = ("reason",)

    def __init__(self) -> None:
        self.reason: str | None = None

    def __call__(self) -> bool:
        """Whether trading is stopped."""
        return self.reason is not None

    def halt(self, reason: str) -> None:
        """Stop. A second call keeps the first reason, which is the one to look into."""
        if self.reason is None:
            self.reason = reason

    def resume(self) -> None:
        """Lift the stop; only ever on a person's word."""
        self.reason = None
