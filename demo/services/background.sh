#!/bin/sh
#SBATCH --output=%x-%j.out
# sbatch [options] background.sh <port>: a mistake. Slurm ends the job with its script, at once.
. "$HOME/python.env"
# setpriv: most clusters end what a job leaves behind, by its cgroup; this one has none.
setpriv --pdeathsig KILL "$DEMO_PYTHON" -m services.probe "$1" &
sleep 1
