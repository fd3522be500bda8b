"""Fanfold: fan the rows of a CSV out to a SageMaker asynchronous endpoint, fold the answers into one CSV."""
