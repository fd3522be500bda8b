"""Cuts a stream of so many megabytes, made up as it goes. Prints the most memory the process ever held, in MiB."""

import json
import resource
import sys
from itertools import repeat

from fanfold_core.input.cutting import Limits, cut
from fanfold_core.input.records import Dialect
from fanfold_core.input.scanning import Scanner

BLOCK = "".join(f'{row},"so ""good"", no. {row}, and then some more of it"\r\n' for row in range(20_000)).encode()
blocks = repeat(BLOCK, int(sys.argv[1]) * 1_000_000 // len(BLOCK))
for _ in cut(blocks, start=0, first_row=0, scanner=Scanner(Dialect(), blank_is_row=False), limits=Limits()):
    pass
print(json.dumps({"mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
