"""Who may use the local cloud: who was given its keys, and no web page and no other user of the machine."""
