#!/bin/sh
#SBATCH --output=%x-%j.out
# sbatch [options] probe.sh <port>
. "$HOME/python.env"
# exec: scancel's SIGTERM reaches the server itself, and the job ends at once.
exec "$DEMO_PYTHON" -m services.probe "$1"
