"""Input files: how they are opened, decoded, laid out, cut into chunks and read. Nothing here knows of jobs or AWS."""
