"""Whether what a stack uses fits it: its endpoint, and a model before it is deployed."""
