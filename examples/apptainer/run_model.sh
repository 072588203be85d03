#!/bin/bash
#SBATCH --gres=gpu:1 --cpus-per-task=8 --mem=24G --time=08:00:00
#SBATCH --output=apptainer-%j.out
set -euo pipefail
port=$1

mkdir -p "$HF_HOME"

# The container has the node's network and this environment, HF_HOME too; --nv gives it the GPUs,
# --bind the directory of the weights.
exec apptainer exec --nv --bind "$HF_HOME" "$IMAGE" \
    vllm serve "$MODEL" --host 0.0.0.0 --port "$port"
