"""The console: a page on this machine's own address that shows a stack's jobs and begins new ones."""
