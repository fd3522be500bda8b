"""The local cloud: the whole system on one machine, without an account."""
