"""AWS on this machine, as far as a Fanfold stack uses it: without an account and without Docker."""
