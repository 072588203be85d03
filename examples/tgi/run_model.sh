#!/bin/bash
#SBATCH --gres=gpu:1 --cpus-per-task=8 --mem=24G --time=08:00:00
#SBATCH --output=tgi-%j.out
set -euo pipefail
port=$1

mkdir -p "$HF_HOME"

# --hostname: without it the launcher takes the variable HOSTNAME, which is the node's name here.
# --shard-uds-path, --master-port: their defaults collide with another job's on the same node.
exec apptainer exec --nv --bind "$HF_HOME" "$IMAGE" \
    text-generation-launcher \
    --model-id "$MODEL" \
    --hostname 0.0.0.0 \
    --port "$port" \
    --num-shard "${SLURM_GPUS_ON_NODE:-1}" \
    --huggingface-hub-cache "$HF_HOME/hub" \
    --shard-uds-path "/tmp/tgi-$SLURM_JOB_ID" \
    --master-port "$((port + 10000))"
