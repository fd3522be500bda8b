"""The steps of a job, one module each. They speak to the world through the ports only."""
