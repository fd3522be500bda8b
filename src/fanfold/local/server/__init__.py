"""The process that stands in for AWS: moto, with what it lacks added while it is loaded.

It is a process of its own so that nothing of this leaks into the one that started it.
"""
