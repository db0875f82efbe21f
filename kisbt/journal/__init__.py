"""The journal: every decision, order and fill of every run, in SQLite or Postgres."""
