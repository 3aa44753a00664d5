"""The same marts from the same files by one hand-written DuckDB script: what the machine allows.

It reads the raw files and the seed CSVs, and nothing that dbt built. It writes no rejected rows, no monitoring and
runs no tests. Opinions come from the seeds; the SQL is written for their kinds and not for their numbers.
Specialised to what the default catalog holds: product events have no payload schema, and at most 128 features,
modules, guided tasks, configurations and milestone subjects together.
"""
