#!/bin/sh
#SBATCH --output=%x-%j.out
# sbatch [options] classifier.sh <port>
. "$HOME/python.env"
# exec: scancel's SIGTERM reaches the server itself, and the job ends at once.
exec "$DEMO_PYTHON" -m services.classifier "$1"
