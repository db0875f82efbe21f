"""Settings: ``kisbt.toml`` and the environment in, frozen typed values out.

Nothing is read at import. An unknown key is an error that names the nearest known one.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kisbt.errors import ConfigError

CONFIG_FILE = "kisbt.toml"


class Section(BaseModel):
    """A frozen table of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RiskLimits(Section):
    """Limits that node 4 enforces. Fractions are of equity.

    ``min_cash`` won stay uninvested. ``daily_loss`` and ``weekly_loss`` are positive: at that
    loss since the previous session's (week's) closing equity the state becomes REDUCE_ONLY.
    ``max_turnover_per_day`` is traded value of one session's buys and sells over equity; exits
    are counted but never blocked by it. ``max_drawdown`` halts new buying for good in that run.
    """

    max_weight: float = Field(default=0.20, gt=0, le=1)
    max_exposure: float = Field(default=0.95, gt=0, le=1)
    max_positions: int = Field(default=10, ge=1)
    max_orders_per_day: int = Field(default=20, ge=1)
    max_turnover_per_day: float = Field(default=1.0, gt=0)
    daily_loss: float = Field(default=0.03, gt=0, le=1)
    weekly_loss: float = Field(default=0.07, gt=0, le=1)
    max_drawdown: float = Field(default=1.0, gt=0, le=1)
    min_confidence: float = Field(default=0.0, ge=0, le=1)
    min_cash: int = Field(default=0, ge=0)


class CostSettings(Section):
    """What the broker and the state take. Rates are fractions of the traded amount, per side.

    Source: BanKIS online rates, ``0.0140527 %`` for shares and ``0.0146527 %`` for ETF, ETN and
    ELW; a secondary source, so check your own account's contract.
    """

    commission_rate: float = Field(default=0.000140527, ge=0, lt=0.05)
    etf_commission_rate: float = Field(default=0.000146527, ge=0, lt=0.05)
    tax: bool = True


class FillSettings(Section):
    """How simulated orders meet bars. ``participation`` is the largest share of a bar's volume."""

    participation: float = Field(default=0.10, gt=0, le=1)


class BacktestSettings(Section):
    """Defaults of ``kisbt backtest``; ``cash`` in won."""

    data: str = "sample"
    strategy: str | None = None
    cash: int = Field(default=100_000_000, gt=0)
    benchmark: str | None = None


class KISSettings(Section):
    """How the client behaves towards KIS (한국투자증권). Keys live in ``kis_devlp.yaml``, not here.

    ``config`` is the folder of that file (default ``~/KIS/config``), ``cache`` the per-user folder
    of tokens and rate counters. Limits are calls a second, shared by all processes of one key;
    ``account_per_second`` is the ledger's own limit for account and order calls, ``None`` for no
    other than the total. ``quotes_from_real`` lets a paper session read quotes with real keys.
    ``connect_seconds`` and ``answer_seconds`` bound one request; ``registrations`` one stream.

    Source: KIS notice of 2026-04-20: 18 calls a second (real), 1 (paper); new customers 3 for the
    first three days. 41 registrations a stream.
    """

    config: str | None = None
    cache: str | None = None
    real_per_second: float = Field(default=18, gt=0, le=1000)
    paper_per_second: float = Field(default=1, gt=0, le=1000)
    account_per_second: float | None = Field(default=None, gt=0, le=1000)
    quotes_from_real: bool = False
    connect_seconds: float = Field(default=3.05, gt=0)
    answer_seconds: float = Field(default=10.0, gt=0)
    registrations: int = Field(default=41, ge=1)


class LiveSettings(Section):
    """How ``kisbt live`` trades. Won, minutes, seconds.

    Real money needs ``allow_real``, ``--real`` and a typed confirmation; on an account's first
    day with real money all buys together stay below ``first_day_notional``. ``max_order`` is the
    largest single buy. ``approve`` lets orders wait for ``kisbt approve`` (``above``: those worth
    more than ``approve_above``) until ``approve_minutes`` have passed (an order decided at a day's
    close waits until the next open instead). ``frequency`` is the decision bar without a dataset,
    ``tickers`` the universe there. ``decide_at`` (``"10:00"``, ...) limits decisions on minute
    bars to the first bar at or after each time. ``foreign`` says what happens to positions and
    orders that kisbt did not make; ``resting`` to its own orders when it ends before their time.
    ``backfill`` is the number of bars read before the first decision. ``drift_budget_bp`` is how
    far five days together may come out from their backtest, in basis points of equity.
    ``log_megabytes`` and ``log_files`` bound each of the two logs in ``logs``.
    """

    allow_real: bool = False
    first_day_notional: int = Field(default=1_000_000, ge=0)
    max_order: int | None = Field(default=None, gt=0)
    approve: Literal["none", "above", "all"] = "none"
    approve_above: int = Field(default=0, ge=0)
    approve_minutes: float = Field(default=30, gt=0)
    tickers: tuple[str, ...] = ()
    frequency: Literal["1d", "1m", "5m"] = "1d"
    decide_at: tuple[Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")], ...] = ()
    foreign: Literal["adopt", "ignore", "refuse"] = "refuse"
    resting: Literal["cancel", "keep"] = "cancel"
    backfill: int = Field(default=300, ge=1, le=5000)
    drift_budget_bp: float = Field(default=10.0, gt=0)
    logs: str = "results/logs"
    log_megabytes: float = Field(default=10.0, gt=0)
    log_files: int = Field(default=5, ge=2, le=100)


class GateSettings(Section):
    """How a challenger is tested against the champion (승격 심사). A change starts a new epoch.

    Levels are one-sided. ``level`` of the max-T test on development days falls to ``skew_level``
    when the candidate's block sums have a skewness below ``skew_below``; ``block`` days a block.
    PBO vetoes from ``pbo_versions`` on at ``pbo_limit``. A holdout takes ``holdout_looks`` looks,
    each at half the level of the one before, and ``holdout_tests`` development tests that share
    ``level``. Hard constraints: maximum drawdown may be worse by ``drawdown_points`` of equity at
    the ``drawdown_bound`` of the bootstrap; turnover at most ``turnover_ratio`` times the
    champion's; ``parse_failures`` is a share of decisions. In shadow wealth must reach
    ``shadow_wealth`` within ``shadow_days``; ``clip_widths`` robust deviations, ``stake_cap`` of
    wealth a day. After approval capital rises along ``ramp``, ``ramp_days`` each.
    """

    level: float = Field(default=0.025, gt=0, lt=0.5)
    skew_level: float = Field(default=0.0125, gt=0, lt=0.5)
    skew_below: float = -0.3
    block: int = Field(default=10, ge=1)
    draws: int = Field(default=2000, ge=2000)
    embargo: int = Field(default=5, ge=0)
    affected_days: int = Field(default=60, ge=1)
    changed_decisions: float = Field(default=0.05, ge=0, le=1)
    pbo_versions: int = Field(default=8, ge=2)
    pbo_blocks: int = Field(default=10, ge=2)
    pbo_limit: float = Field(default=0.5, gt=0, le=1)
    drawdown_points: float = Field(default=0.02, ge=0, le=1)
    drawdown_bound: float = Field(default=0.90, gt=0.5, lt=1)
    turnover_ratio: float = Field(default=1.5, gt=0)
    parse_failures: float = Field(default=0.01, ge=0, le=1)
    llm_budget_krw: float | None = Field(default=None, ge=0)
    holdout_level: float = Field(default=0.20, gt=0, lt=0.5)
    holdout_looks: int = Field(default=3, ge=1)
    holdout_tests: int = Field(default=3, ge=1)
    holdout_days: int = Field(default=120, ge=1)
    shadow_wealth: float = Field(default=20.0, gt=1)
    shadow_days: int = Field(default=250, ge=1)
    clip_widths: float = Field(default=4.0, gt=0)
    stake_cap: float = Field(default=0.5, gt=0, lt=1)
    ramp: tuple[float, ...] = (0.10, 0.25, 0.50, 1.0)
    ramp_days: int = Field(default=20, ge=1)
    rollback_parse_failures: float = Field(default=0.05, ge=0, le=1)
    rollback_drift_days: int = Field(default=5, ge=1)


class TokenPrice(Section):
    """What a model's tokens cost, in US dollars per million.

    ``cached_input`` is for a prefix that the provider had kept; ``None`` takes that of ``input``.
    """

    input: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    output: float = Field(ge=0)


class LLMSettings(Section):
    """Which model answers node 3, behind which OpenAI-compatible server, and what it may cost.

    ``api_key_env`` names the environment variable that holds the key; a server on this machine or
    network needs none. ``structured`` is how the JSON schema is asked for; ``auto`` finds out what
    the server knows. ``timeout_seconds`` bounds one attempt, ``retries`` the further ones after
    429, 5xx, timeouts and broken connections. ``concurrency`` and the two limits a minute hold for
    all runs of a process. Budgets hold for one command; ``None`` is no limit. ``usd_krw`` is the
    exchange rate that costs are told in. ``cache`` is relative to the results folder. ``prices``
    and ``cutoffs`` (the last day a model's training data may hold) are by model name;
    ``cutoff_margin_days`` on both sides of it count as neither before nor after.
    """

    base_url: str = "https://api.openai.com/v1"
    model: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    temperature: float = Field(default=0.0, ge=0, le=2)
    seed: int | None = 0
    timeout_seconds: float = Field(default=60.0, gt=0)
    max_tokens: int | None = Field(default=None, ge=1)
    structured: Literal["auto", "json_schema", "json_object", "text"] = "auto"
    concurrency: int = Field(default=32, ge=1, le=256)
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    retries: int = Field(default=4, ge=0, le=20)
    budget_calls: int | None = Field(default=None, ge=0)
    budget_tokens: int | None = Field(default=None, ge=0)
    budget_krw: float | None = Field(default=None, ge=0)
    draws: int = Field(default=1, ge=1, le=99)
    min_agreement: float = Field(default=0.0, ge=0, le=1)
    charge_costs: bool = False
    usd_krw: float = Field(default=1_400.0, gt=0)
    cache: str = "llm_cache.sqlite"
    prices: dict[str, TokenPrice] = Field(default_factory=dict)
    cutoffs: dict[str, date] = Field(default_factory=dict)
    cutoff_margin_days: int = Field(default=90, ge=0)


class ReflectionSettings(Section):
    """How ``kisbt reflect`` learns (반성). Patterns are mined at a false ``discovery_level``.

    ``candidates`` versions at most are tried a reflection, one changed rule each. A rule must rest
    on ``least_rows`` judged names, change ``least_changed`` of decisions and differ on
    ``least_dates`` days. ``horizon`` sessions until an outcome is taken; by default the middle
    holding time. ``promote_on`` says which stage of the gate moves the pointer; with
    ``require_approval`` a person moves it (``kisbt approve``). ``commit`` makes git commits.
    """

    seed: int = Field(default=0, ge=0)
    candidates: int = Field(default=3, ge=1, le=12)
    discovery_level: float = Field(default=0.10, gt=0, lt=1)
    least_rows: int = Field(default=20, ge=5)
    least_changed: float = Field(default=0.05, ge=0, le=1)
    least_dates: int = Field(default=60, ge=1)
    horizon: int | None = Field(default=None, ge=1, le=60)
    promote_on: Literal["holdout", "shadow"] = "holdout"
    require_approval: bool = False
    commit: bool = False


class Paths(Section):
    """Folders, relative to the project root unless absolute, and the journal's URL.

    ``simulator`` is where ``kisbt sim --write-config`` puts a ``kis_devlp.yaml`` by default.
    """

    datasets: str = "datasets"
    prompts: str = "prompts"
    results: str = "results"
    simulator: str = "results/sim"
    journal: str | None = None


class Settings(Section):
    """All settings of one process. Built once, passed down."""

    lang: Literal["ko", "en"] = "ko"
    backtest: BacktestSettings = BacktestSettings()
    limits: RiskLimits = RiskLimits()
    costs: CostSettings = CostSettings()
    fills: FillSettings = FillSettings()
    kis: KISSettings = KISSettings()
    gate: GateSettings = GateSettings()
    reflection: ReflectionSettings = ReflectionSettings()
    live: LiveSettings = LiveSettings()
    llm: LLMSettings = LLMSettings()
    paths: Paths = Paths()
    root: Path = Field(default_factory=Path.cwd, exclude=True)

    def folder(self, which: Literal["datasets", "prompts", "results", "simulator"]) -> Path:
        """The absolute folder of one kind."""
        name: str = getattr(self.paths, which)
        return (self.root / name).resolve()

    def llm_cache(self) -> Path:
        """The absolute file of recorded model replies."""
        return self.folder("results") / self.llm.cache

    def journal_url(self) -> str:
        """The journal as an SQLAlchemy URL; ``results/journal.sqlite`` by default."""
        if self.paths.journal is None:
            return f"sqlite:///{(self.folder('results') / 'journal.sqlite').as_posix()}"
        if "://" in self.paths.journal:
            return self.paths.journal
        return f"sqlite:///{(self.root / self.paths.journal).resolve().as_posix()}"


def find_root(start: Path | None = None) -> Path:
    """The project folder: the nearest one upwards with ``kisbt.toml``, or datasets and prompts.

    Falls back to the source checkout this package runs from, then to ``start``.
    """
    start = (start or Path.cwd()).resolve()
    checkout = Path(__file__).resolve().parents[1]
    for folder in (start, *start.parents, checkout):
        if (folder / CONFIG_FILE).is_file():
            return folder
        if (folder / "datasets").is_dir() and (folder / "prompts").is_dir():
            return folder
    return start


def load_settings(file: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read settings from ``file``, else from the project root's ``kisbt.toml``, else defaults.

    ``KISBT_JOURNAL`` in the environment overrides the journal's URL.

    Raises:
        ConfigError: the file is missing, not TOML, or holds an unknown key or a bad value.
    """
    environ = os.environ if environ is None else environ
    if file is not None and not file.is_file():
        raise ConfigError(f"settings file {file} does not exist", hint="check --config")
    root = file.resolve().parent if file else find_root()
    path = file or root / CONFIG_FILE
    raw: dict[str, Any] = {}
    if path.is_file():
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path.name}: not valid TOML: {error}") from error
    if journal := environ.get("KISBT_JOURNAL"):
        raw.setdefault("paths", {})["journal"] = journal
    return parse_settings(raw, root, path.name)


def parse_settings(raw: Mapping[str, Any], root: Path, source: str) -> Settings:
    """Turn a parsed table into ``Settings``; ``source`` names it in errors.

    Raises:
        ConfigError: an unknown key (with the nearest known one) or a bad value.
    """
    if "root" in raw:
        raise ConfigError(f"{source}: unknown key 'root'")
    try:
        return Settings.model_validate({**raw, "root": root})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = _known_keys(first["loc"][:-1])
            near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
            raise ConfigError(f"{source}: unknown key '{where}'", hint=hint) from error
        raise ConfigError(f"{source}: {where}: {first['msg']}") from error


def _known_keys(path: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in path:
        annotation = model.model_fields[str(part)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return [key for key in model.model_fields if key != "root"]
