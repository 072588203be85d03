#!/bin/sh
#SBATCH --output=%x-%j.out
# sbatch [options] bulk.sh <port>
. "$HOME/python.env"
exec "$DEMO_PYTHON" "$HOME/bulk.py" "$1"
