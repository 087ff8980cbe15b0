"""``python -m suture`` is the ``suture`` command."""

from suture.cli.main import main

main()
