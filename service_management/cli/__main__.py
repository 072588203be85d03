"""`python -m service_management.cli`."""

from service_management.cli.commands import main

main()
