#!/bin/bash -l
#SBATCH --gres=gpu:1 --cpus-per-task=4 --mem=16G --time=08:00:00
#SBATCH --output=modules-%j.out
set -euo pipefail
port=$1

# bash -l above: `module` is a function that login shells define.
# set +u: on many clusters it reads variables that are not set.
set +u
module purge
module load python/3.11 cuda/12.4
set -u

source "$HOME/venvs/modules/bin/activate"
exec python "$HOME/transformers/server.py" --model "$MODEL" --host 0.0.0.0 --port "$port"
