"""Random requests over the whole surface: always KIS-shaped, never a crash.

The generator knows the endpoint table: it sends what sheets ask for, what is nearly that, and
plain garbage, in fields, headers, bodies and paths.
"""

import json
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kisbt.sim.flavour import Flavour
from kisbt.sim.rest.errors import GATEWAY_TEXTS
from kisbt.sim.rest.table import ENDPOINTS
from tests.sim.rest.caller import Caller
from tests.sim.rest.conftest import DATA
from tests.sim.rest.requests import fields
from tests.sim.venue import simulator

SIM = simulator(DATA, flavours=(Flavour.PAPER, Flavour.REAL), strict_tokens=False)
SIM.advance_to(SIM.target("open"))
SIM.advance_to(SIM.now.replace(hour=10, minute=5))
CALLERS = {flavour: Caller(SIM, flavour) for flavour in Flavour}
GATEWAY_STATUS = {400, 404, 500}

text = st.text(max_size=30) | st.text(st.characters(codec="ascii"), max_size=120)
near = st.sampled_from(
    [
        "", " ", "0", "1", "-1", "00", "01", "02", "99", "Y", "N", "J", "U", "UN", "D", "005930",
        "A005930", "00000A005930", "Q500001", "999999", "069500", "20250101", "20251332",
        "99999999", "000000", "090000", "240000", "9" * 20, "1.5", "1e5", "０", "٣", "70000", 
        "53500.0", "NaN", "inf", "null", "0000000001", "\x00", "%00", "^", "' OR 1=1 --",
        "{}", "<script>", "../../etc/passwd", "가나다", "\ud800", "300", "0000000000000",
    ]
)  # fmt: skip
value = near | text


@st.composite
def requests(draw):
    """One request: (flavour, method, path, query, headers, body)."""
    flavour = draw(st.sampled_from(list(Flavour)))
    caller, endpoint = CALLERS[flavour], draw(st.sampled_from(ENDPOINTS))
    sent = dict(fields(endpoint, caller.account, SIM.floor.day))
    some = st.lists(st.sampled_from(sorted(sent) or [""]), max_size=3, unique=True)
    sent |= {key: draw(value) for key in draw(some)}
    for key in draw(some):
        sent.pop(key, None)
    sent |= draw(st.dictionaries(text, value, max_size=2))
    tr_ids = st.sampled_from([*endpoint.real, *endpoint.paper, "FHKST01010100", ""])
    headers = caller.headers(draw(tr_ids | value))
    headers |= draw(
        st.dictionaries(
            st.sampled_from(["tr_cont", "hashkey", "custtype", "gt_uid", "authorization"]) | text,
            value,
            max_size=2,
        )
        if draw(st.integers(0, 3)) == 0
        else st.just({})
    )
    body: bytes | None = json.dumps(sent).encode()
    if draw(st.integers(0, 5)) == 0:
        anything = st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | value, st.lists, max_leaves=4
        )
        body = draw(
            st.binary(max_size=60)
            | st.dictionaries(value, anything, max_size=4).map(lambda d: json.dumps(d).encode())
            | st.sampled_from([b"[" * 5000, b"1" * 5000, b"{" + b" " * 70_000 + b"}", b'"x"'])
        )
    query = draw(st.just(urlencode(sent, errors="replace")) | st.text(max_size=40))
    paths = st.sampled_from(
        ["/oauth2/tokenP", "/oauth2/Approval", "/oauth2/revokeP", "/uapi/hashkey"]
    )
    other = paths | text.map(lambda t: "/" + t)
    path = endpoint.path if draw(st.integers(0, 7)) else draw(other)
    method = endpoint.method if draw(st.integers(0, 9)) else draw(st.sampled_from(["PUT", "POST"]))
    return flavour, method, path, query, headers, body or b""


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests())
def test_any_request_gets_a_kis_shaped_answer(request):
    flavour, method, path, query, headers, body = request
    front = CALLERS[flavour].door.front
    reply = front.respond(method, path, query, headers, body)
    assert front.crashes == []
    assert reply.status in {200, 403, *GATEWAY_STATUS}
    if reply.headers["Content-Type"] == "application/zip":
        return
    assert b"Traceback" not in reply.body
    answer = json.loads(reply.body)
    assert isinstance(answer, dict)
    if path.startswith("/oauth2/") or path == "/uapi/hashkey":
        assert answer.keys() & {
            "error_code",
            "access_token",
            "approval_key",
            "code",
            "HASH",
            "msg_cd",
        }
    else:
        assert {"rt_cd", "msg_cd", "msg1"} <= answer.keys()
        assert answer["rt_cd"] in ("0", "1", "7")
    if reply.status == 500:
        assert answer["msg_cd"] in GATEWAY_TEXTS
        assert answer["msg_cd"] != "EGW00002"
    for name, content in reply.headers.items():
        assert "\n" not in name + content
        assert "\r" not in name + content
        assert content.isascii()
