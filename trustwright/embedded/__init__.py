"""OpenBao, a Prefect server and the process that serves the flows, on one machine.

Everything lies in one folder, listens on 127.0.0.1 only and survives any crash: what runs is found
again by process identifier, start time and a random mark in the environment; what does not run is
started again over the same data.
"""
