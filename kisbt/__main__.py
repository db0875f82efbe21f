"""``python -m kisbt``."""

from kisbt.cli import main

main()
