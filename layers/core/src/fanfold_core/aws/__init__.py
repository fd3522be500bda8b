"""The only home of boto3: adapters behind the ports, events in, settings, wiring."""
