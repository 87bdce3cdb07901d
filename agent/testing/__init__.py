"""For the tests of whoever writes a client that pays: sellers on loopback, honest and hostile, that keep the accounts.

`plugin` is the pytest plugin, `stand` the same without pytest, `corpus` what a hostile seller does.
"""
