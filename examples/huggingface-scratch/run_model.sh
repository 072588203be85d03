#!/bin/bash
#SBATCH --gres=gpu:1 --cpus-per-task=8 --mem=24G --time=08:00:00
#SBATCH --output=huggingface-scratch-%j.out
set -euo pipefail
port=$1

# Where the hub's cache keeps a model. Without this check, the server would try to download it, and
# fail minutes later with a sentence about the network.
weights="$HF_HOME/hub/models--${MODEL//\//--}"
if [ ! -d "$weights" ]; then
    echo "no weights in $weights; on the login node: HF_HOME=$HF_HOME hf download $MODEL" >&2
    exit 1
fi

source "$HOME/venvs/vllm/bin/activate"
exec vllm serve "$MODEL" --host 0.0.0.0 --port "$port"
