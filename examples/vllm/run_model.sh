#!/bin/bash
#SBATCH --gres=gpu:1 --cpus-per-task=8 --mem=24G --time=08:00:00
#SBATCH --output=vllm-%j.out
set -euo pipefail
port=$1

# vLLM also needs the programs of its environment on PATH, so the environment is activated.
source "$HOME/venvs/vllm/bin/activate"

# exec: scancel's SIGTERM reaches the server itself, and the job ends with it.
exec vllm serve "$MODEL" \
    --host 0.0.0.0 \
    --port "$port" \
    --served-model-name "$MODEL_NAME" \
    --tensor-parallel-size "${SLURM_GPUS_ON_NODE:-1}"
