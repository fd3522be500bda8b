"""Parquet: a file of columns, which comes here as a stream of JSON Lines.

`stream.py` has a process of its own convert it (`converter.py`), which has neither the file nor a network. That process
writes messages to its standard output: a kind, a length, and so many bytes. Its standard input is what it asks for.
"""

from struct import Struct

HEADER, RANGE = Struct("<cQ"), Struct("<QQ")
# Kinds of messages: a range of the file, which is to come; lines; what is wrong with the file; and the end of the rows.
ASK, ROWS, FLAW, END = b"?", b"=", b"!", b"."
# So much may the process take. A Lambda function has more, and there is a function beside it.
MEMORY_BYTES = 1 << 30
