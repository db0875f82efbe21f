"""Checks of a dataset against the rules of the market.

``error``: results on it would be wrong. ``warning``: look at it. ``info``: explained and normal.
Duplicated and unsorted rows cannot exist in a dataset; ``importing.cleaning`` finds them in files.
"""

from kisbt.data.checks.prices import beyond_limits, off_tick
from kisbt.data.checks.rows import bad_prices, bad_ranges, halts, listing, missing_sessions
from kisbt.data.checks.subject import Subject
from kisbt.data.dataset import Dataset
from kisbt.data.findings import Finding, Severity

__all__ = ["check_dataset"]


def check_dataset(dataset: Dataset) -> list[Finding]:
    """Every finding about ``dataset``: by ticker, then errors first, then by time."""
    findings: list[Finding] = []
    last_day = dataset.timeline[-1].astype("datetime64[D]")
    for ticker in dataset.tickers:
        table = dataset.bars[ticker]
        days = table.times.astype("datetime64[D]")
        subject = Subject(
            dataset.instruments[ticker],
            table,
            days,
            dataset.adjusted,
            dataset.frequency == "1d",
            bool(days[-1] < last_day),
            {a.date: a.ratio for a in dataset.actions if a.ticker == ticker},
        )
        found = [
            *bad_prices(subject),
            *bad_ranges(subject),
            *missing_sessions(subject),
            *beyond_limits(subject),
            *off_tick(subject),
            *halts(subject),
            *listing(subject, dataset),
        ]
        findings += sorted(found, key=_rank)
    return findings


def _rank(finding: Finding) -> tuple[int, str, str]:
    return list(Severity).index(finding.severity), str(finding.at or ""), finding.kind
