"""Overseas accounts, always empty: clients that show all assets ask for them in one breath."""

from collections.abc import Callable
from typing import Any

from kisbt.sim.rest.wire import Answer, Call, envelope, padded

KEY_WIDTH = 200


def nothing_held(**outputs: Any) -> Callable[[Call], Answer]:
    """A handler that finds no rows, on the last page."""

    def answer(call: Call) -> Answer:
        call.account()
        code = ("70070000", "모의투자 조회할 내역(자료)이 없습니다.")
        done = code if call.paper else ("KIOK0560", "조회할 내용이 없습니다")
        keys = {
            "ctx_area_fk200": padded("", KEY_WIDTH),
            "ctx_area_nk200": padded("", KEY_WIDTH),
        }
        copies = {name: type(value)(value) for name, value in outputs.items()}
        return Answer({**keys, **copies, **envelope(*done, pad=True)}, "D")

    return answer


PRESENT_TOTALS = {
    "pchs_amt_smtl": "0",
    "evlu_amt_smtl": "0",
    "evlu_pfls_amt_smtl": "0",
    "dncl_amt": "0",
    "cma_evlu_amt": "0",
    "tot_dncl_amt": "0",
    "tot_asst_amt": "0",
    "frcr_evlu_tota": "0",
    "evlu_erng_rt1": "0.00000000",
}
BALANCE_TOTALS = {
    "frcr_pchs_amt1": "0.00000",
    "ovrs_rlzt_pfls_amt": "0.00000",
    "ovrs_tot_pfls": "0.00000",
    "rlzt_erng_rt": "0.00000000",
    "tot_evlu_pfls_amt": "0.00000000",
    "tot_pftrt": "0.00000000",
}
"""Field names as clients read them; the sheets of overseas shares are not ours to serve."""

present_balance = nothing_held(output1=[], output2=[], output3=PRESENT_TOTALS)
balance = nothing_held(output1=[], output2=BALANCE_TOTALS)
open_orders = nothing_held(output=[])
executions = nothing_held(output=[])
period_profit = nothing_held(output1=[], output2={})
