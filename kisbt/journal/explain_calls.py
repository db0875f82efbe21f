"""An exchange with a model in words: what was asked, what came back, what it cost."""

from collections.abc import Iterator
from typing import Any

from kisbt.journal.chain import Fields

_STATUS = {"valid": "유효", "invalid": "무효", "failed": "응답 없음"}
_SOURCE = {"sent": "전송", "cache": "기록 재생"}
_LABELS = {
    "ko": {
        "call": "LLM 교신",
        "draw": "{}번째 추첨",
        "tokens": "토큰 입력 {:,} (캐시 {:,}) 출력 {:,}",
        "cost": "{:,.2f}원 (${:.6f})",
        "attempts": "시도 {}회",
        "said": "{} {:,}자",
        "reply": "답",
        "error": "문제",
    },
    "en": {
        "call": "LLM call",
        "draw": "draw {}",
        "tokens": "tokens in {:,} (cached {:,}) out {:,}",
        "cost": "{:,.2f} won (${:.6f})",
        "attempts": "{} attempts",
        "said": "{}: {:,} characters",
        "reply": "reply",
        "error": "trouble",
    },
}


def exchange_lines(call: Fields, lang: str = "ko") -> Iterator[str]:
    """One exchange as lines for people.

    Of the first two messages only the size is told (the prompt is named, the data are above);
    a repair round is told in full, and so is the reply.
    """
    say, korean = _LABELS[lang], lang == "ko"
    parts = [
        str(call["model"]),
        _STATUS.get(call["status"], call["status"]) if korean else str(call["status"]),
        _SOURCE.get(call["source"], "") if korean else str(call["source"] or ""),
        say["draw"].format(call["draw"] + 1) if call["draw"] else "",
        say["tokens"].format(*(call[name] or 0 for name in _TOKENS)),
        say["cost"].format(call["cost_krw"] or 0.0, call["cost_usd"] or 0.0),
        f"{call['latency_ms'] or 0.0:,.0f} ms",
        say["attempts"].format(call["attempts"]) if (call["attempts"] or 1) > 1 else "",
        str(call["cache_key"]),
    ]
    yield f"{say['call']} {call['call']}: " + " · ".join(part for part in parts if part)
    messages: list[Any] = call["messages"]
    sizes = [say["said"].format(m["role"], len(m["content"])) for m in messages[:2]]
    if sizes:
        yield "    " + " · ".join(sizes)
    for message in messages[2:]:
        yield from _indented(message["role"], message["content"])
    if call["reply"] is not None:
        yield from _indented(say["reply"], call["reply"])
    if call["error"]:
        yield f"    {say['error']}: {call['error']}"


_TOKENS = ("tokens_in", "tokens_cached", "tokens_out")


def _indented(who: str, text: str) -> Iterator[str]:
    first, *others = text.splitlines() or [""]
    yield f"    {who}: {first}"
    for line in others:
        yield f"        {line}"
