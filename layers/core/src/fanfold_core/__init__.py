"""What the functions share: the domain, the steps, and their adapters to AWS."""

__version__ = "0.1.0"
