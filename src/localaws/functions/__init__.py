"""Lambda: queues polled as its event source mappings poll them, handlers run in worker processes."""
