"""Puts each step together with its adapters: a module for each function, which waits for no other's imports."""
