"""PKCS#11 tokens behind child processes: modules, monitor and session hosts, keys, PIN state.

This floor knows nobody above it.  Only the host programs in `tokens.host` load PKCS#11; everything
else here is the asyncio side that starts a host, speaks to it and ends it.
"""
