"""Costs: estimated before a job from its file, and after it from what it sent."""
