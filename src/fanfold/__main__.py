"""`python -m fanfold`, the same as `fanfold`."""

from fanfold.cli import main

main()
