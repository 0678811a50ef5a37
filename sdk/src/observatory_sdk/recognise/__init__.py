"""Calls of models recognised in the traffic of HTTP clients, for programs that use no SDK of a provider.

Only POSTs to the hosts of known providers are looked at. What the host program reads is left as it is; what it is
answered is read along, piece by piece, and forgotten.
"""
