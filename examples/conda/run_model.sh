#!/bin/bash
#SBATCH --gres=gpu:1 --cpus-per-task=4 --mem=16G --time=08:00:00
#SBATCH --output=conda-%j.out
set -euo pipefail
port=$1

# A batch job is not interactive, so `conda init` in ~/.bashrc has no effect on it.
# set +u: conda's own scripts read variables that are not set.
set +u
source "$CONDA_HOME/etc/profile.d/conda.sh"
conda activate "$CONDA_ENVIRONMENT"
set -u

exec python "$HOME/transformers/server.py" --model "$MODEL" --host 0.0.0.0 --port "$port"
