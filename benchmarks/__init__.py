"""What is measured, and against what. `make bench` runs it and prints tables; README.md has them.

Layout: `__main__` the runs and the tables, `stage` database and servers, `peer` what we compare
with, `load` the load generator (wrk), `*.lua` what it sends.
"""
