#!/bin/bash
#SBATCH --gres=gpu:1 --cpus-per-task=8 --mem=16G --time=08:00:00
#SBATCH --output=llama-cpp-%j.out
set -euo pipefail
port=$1

export PATH="$HOME/llama.cpp/build/bin:$PATH"

# --n-gpu-layers 99: all layers of most models. --parallel: requests answered at the same time;
# they share the context of --ctx-size tokens.
exec llama-server \
    --model "$MODEL" \
    --alias "$MODEL_NAME" \
    --host 0.0.0.0 \
    --port "$port" \
    --n-gpu-layers 99 \
    --ctx-size 16384 \
    --parallel 4 \
    --threads "${SLURM_CPUS_PER_TASK:-4}"
