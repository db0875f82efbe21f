"""quantstats' own words in Korean. Names such as Sharpe stay."""

METRICS: dict[str, str] = {
    "Risk-Free Rate": "무위험 수익률",
    "Time in Market": "수익률이 움직인 날",
    "Cumulative Return": "누적 수익률",
    "CAGR": "연환산 수익률 (CAGR)",
    "Sharpe": "Sharpe",
    "Prob. Sharpe Ratio": "확률적 Sharpe",
    "Smart Sharpe": "Smart Sharpe",
    "Sortino": "Sortino",
    "Smart Sortino": "Smart Sortino",
    "Sortino/√2": "Sortino/√2",
    "Smart Sortino/√2": "Smart Sortino/√2",
    "Omega": "Omega",
    "Volatility (ann.)": "연 변동성",
    "R^2": "R²",
    "Information Ratio": "정보비율 (일)",
    "Calmar": "Calmar",
    "Skew": "왜도",
    "Kurtosis": "첨도",
    "Ulcer Performance Index": "Ulcer 성과지수",
    "Risk-Adjusted Return": "위험조정 수익률",
    "Risk-Return Ratio": "수익/위험 비율",
    "Avg. Return": "평균 수익률 (일)",
    "Avg. Win": "평균 이익 (일)",
    "Avg. Loss": "평균 손실 (일)",
    "Win/Loss Ratio": "이익/손실 비율",
    "Profit Ratio": "이익 비율",
    "Expected Daily": "기대 수익률 (일)",
    "Expected Monthly": "기대 수익률 (월)",
    "Expected Yearly": "기대 수익률 (연)",
    "Kelly Criterion": "Kelly 기준",
    "Risk of Ruin": "파산 위험",
    "Daily Value-at-Risk": "일간 VaR",
    "Expected Shortfall (cVaR)": "기대 손실 (CVaR)",
    "Max Consecutive Wins": "최장 연속 상승일",
    "Max Consecutive Losses": "최장 연속 하락일",
    "Gain/Pain Ratio": "Gain/Pain",
    "Gain/Pain (1M)": "Gain/Pain (월)",
    "Payoff Ratio": "손익비 (일)",
    "Profit Factor": "프로핏 팩터 (일)",
    "Common Sense Ratio": "Common Sense 비율",
    "CPC Index": "CPC 지수",
    "Tail Ratio": "꼬리 비율",
    "Outlier Win Ratio": "이례적 이익 비율",
    "Outlier Loss Ratio": "이례적 손실 비율",
    "MTD": "이달",
    "3M": "3개월",
    "6M": "6개월",
    "YTD": "올해",
    "1Y": "1년",
    "3Y (ann.)": "3년 (연환산)",
    "5Y (ann.)": "5년 (연환산)",
    "10Y (ann.)": "10년 (연환산)",
    "All-time (ann.)": "전체 기간 (연환산)",
    "Best Day": "최고의 날",
    "Worst Day": "최악의 날",
    "Best Month": "최고의 달",
    "Worst Month": "최악의 달",
    "Best Year": "최고의 해",
    "Worst Year": "최악의 해",
    "Recovery Factor": "회복 계수",
    "Ulcer Index": "Ulcer 지수",
    "Serenity Index": "Serenity 지수",
    "Avg. Up Month": "오른 달 평균",
    "Avg. Down Month": "내린 달 평균",
    "Win Days": "오른 날 비율",
    "Win Month": "오른 달 비율",
    "Win Quarter": "오른 분기 비율",
    "Win Year": "오른 해 비율",
    "Beta": "베타",
    "Alpha": "알파",
    "Correlation": "상관계수",
    "Treynor Ratio": "Treynor 비율",
}

LEFT_OUT = frozenset(
    {
        "Max Drawdown",
        "Max DD Date",
        "Max DD Period Start",
        "Max DD Period End",
        "Longest DD Days",
        "Avg. Drawdown",
        "Avg. Drawdown Days",
    }
)
"""Rows of quantstats' table that miss a fall beginning on the first day; the page has its own."""

CHARTS: dict[str, tuple[str, str]] = {
    "vol_returns": (
        "누적 수익률 (변동성을 벤치마크에 맞춤)",
        "Cumulative returns (volatility matched to the benchmark)",
    ),
    "rolling_beta": (
        "이동 베타 (창이 차기 전은 0)",
        "Rolling beta (zero until the window is full)",
    ),
    "rolling_vol": ("이동 변동성 (6개월)", "Rolling volatility (6 months)"),
    "rolling_sharpe": ("이동 Sharpe (6개월)", "Rolling Sharpe (6 months)"),
    "rolling_sortino": ("이동 Sortino (6개월)", "Rolling Sortino (6 months)"),
    "dd_plot": ("고점 대비 낙폭", "Underwater"),
}
"""Charts that the page takes from quantstats, and their titles.

Left out, after looking at them (quantstats 0.0.86 on pandas 3.1): yearly bars (labels stand under
the wrong year), return quantiles (periods that end on a day without trading are lost), the monthly
histogram (axis cut to whole percent), "daily returns" (draws their cumulative sum), drawdown
periods (miss one that begins on the first day); and what the page draws itself: curve and months.
"""

ROLLING = {name: 126 for name in CHARTS if name.startswith("rolling_")}
"""Sessions in the window of each rolling chart: half a year of 252."""

CHART_TEXT: dict[str, str] = {
    "Strategy": "전략",
    "Benchmark": "벤치마크",
    "6-Months": "6개월",
    "12-Months": "12개월",
}
