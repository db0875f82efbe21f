"""Rows that are wrong in themselves, gaps, halts, and names that start late or end early."""

import numpy as np

from kisbt.data.checks.subject import Bools, Subject, one_finding, runs
from kisbt.data.dataset import Dataset
from kisbt.data.findings import Finding, Severity
from kisbt.errors import DataError
from kisbt.krx.calendar import session_hours, sessions


def bad_prices(subject: Subject) -> list[Finding]:
    """Prices of 0 or below, negative volumes."""
    table = subject.table
    low = np.any([getattr(table, c) <= 0 for c in ("open", "high", "low", "close")], axis=0)
    return one_finding(
        subject,
        low,
        "price",
        Severity.ERROR,
        "{count} bars with a price of 0 or below: {rows}",
        "correct the source, or drop the bars",
    ) + one_finding(
        subject,
        table.volume < 0,
        "volume",
        Severity.ERROR,
        "{count} bars with a negative volume: {rows}",
        "correct the source, or drop the bars",
    )


def bad_ranges(subject: Subject) -> list[Finding]:
    """Ranges that do not hold open and close; movement without volume."""
    table = subject.table
    broken = (table.high < np.maximum(table.open, table.close)) | (
        table.low > np.minimum(table.open, table.close)
    )
    silent = (table.volume == 0) & (table.high != table.low)
    return one_finding(
        subject,
        broken,
        "ohlc",
        Severity.ERROR,
        "{count} bars whose [low, high] does not hold open and close: {rows}",
        "correct the source, or drop the bars",
    ) + one_finding(
        subject,
        silent,
        "no_volume",
        Severity.WARNING,
        "{count} bars moved but have volume 0: {rows}",
        "get the volume: a backtest fills nothing on such a bar",
    )


def missing_sessions(subject: Subject) -> list[Finding]:
    """Days without a session, sessions without a bar, minutes outside the session."""
    plain = np.unique(subject.days)
    first, last = plain[0].astype(object), plain[-1].astype(object)
    try:
        expected = np.array(sessions(first, last), dtype="datetime64[D]")
    except DataError as error:
        proposal = "check the dates of the rows"
        return [
            Finding(
                "calendar", Severity.ERROR, subject.table.ticker, first, error.message, proposal
            )
        ]
    found = one_finding(
        subject,
        ~np.isin(subject.days, expected),
        "no_session",
        Severity.ERROR,
        "{count} bars on days without a session: {rows}",
        "drop them",
    )
    missing = ~np.isin(expected, plain)
    for start, stop in runs(missing):
        days = expected[start:stop]
        span = f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"
        found.append(
            Finding(
                "gap",
                Severity.WARNING,
                subject.table.ticker,
                days[0].astype(object),
                f"{len(days)} sessions without a bar: {span}",
                "fill them as halted bars, or get the rows; returns across a gap are one bar's",
            )
        )
    if not subject.daily and not found:
        found += one_finding(
            subject,
            _outside_hours(subject),
            "hours",
            Severity.ERROR,
            "{count} bars outside the regular session: {rows}",
            "drop them, or check whether stamps are openings and in KST",
        )
    return found


def _outside_hours(subject: Subject) -> Bools:
    plain, inverse = np.unique(subject.days, return_inverse=True)
    hours = [session_hours(day) for day in plain.tolist()]
    opens = np.array([h.open for h in hours], dtype="datetime64[s]")[inverse]
    closes = np.array([h.close for h in hours], dtype="datetime64[s]")[inverse]
    outside: Bools = (subject.table.times <= opens) | (subject.table.times > closes)
    return outside


def halts(subject: Subject) -> list[Finding]:
    """Runs of halted sessions."""
    if not subject.daily:
        return []
    found = []
    for start, stop in runs(subject.table.halted):
        days = subject.days[start:stop]
        span = f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"
        found.append(
            Finding(
                "halt",
                Severity.INFO,
                subject.table.ticker,
                days[0].astype(object),
                f"halted (거래정지) for {len(days)} sessions: {span}",
                "nothing: orders do not fill, features keep their values",
            )
        )
    return found


def listing(subject: Subject, dataset: Dataset) -> list[Finding]:
    """Names that begin later or end earlier than the dataset."""
    found = []
    first, last = subject.days[0].astype(object), subject.days[-1].astype(object)
    listed_on, delisted = subject.instrument.listed, subject.instrument.delisted
    if first > dataset.first_day and listed_on != first:
        detail = f"first bar on {first}, {(first - dataset.first_day).days} days after the others"
        found.append(
            Finding(
                "late_start",
                Severity.INFO,
                subject.table.ticker,
                first,
                detail,
                "nothing; if it was listed then, say so with listed in --names-file",
            )
        )
    if subject.ends_early and delisted != last:
        found.append(
            Finding(
                "early_end",
                Severity.INFO,
                subject.table.ticker,
                last,
                f"last bar on {last}, before the others",
                "nothing; if it was delisted (상장폐지), say so with delisted in --names-file",
            )
        )
    return found
