# Regress runner, SQL and PromQL cases: add to TESTS and EXTRA_DIST.
