"""The only home of boto3: adapters behind the ports, messages and events, and the wiring of the functions."""
