"""Every test: no deadline on a busy machine, one seed in CI."""

import os

from hypothesis import settings

settings.register_profile(
    "kisbt", deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("kisbt")
