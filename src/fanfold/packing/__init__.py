"""Models as an endpoint takes them: a folder, and the code that runs it, in a model.tar.gz."""
