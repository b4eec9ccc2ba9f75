"""The demo: a small shop that is really deployed, really polled and really goes bad.

It stands on the top floor because it shows every floor. `state.py` is what its processes share, `service.py` the shop,
`pipeline.py` its CI pipeline (a client of the public API like any other), `setup.py` makes and removes its project.
"""
