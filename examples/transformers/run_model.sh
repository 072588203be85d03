#!/bin/bash
#SBATCH --gres=gpu:1 --cpus-per-task=4 --mem=16G --time=08:00:00
#SBATCH --output=transformers-%j.out
set -euo pipefail
port=$1

source "$HOME/venvs/transformers/bin/activate"

# $HOME, not "$(dirname "$0")": Slurm runs a copy of this script from another directory.
exec python "$HOME/transformers/server.py" --model "$MODEL" --host 0.0.0.0 --port "$port"
