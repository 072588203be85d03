#!/bin/bash
#SBATCH --gres=gpu:1 --cpus-per-task=8 --mem=16G --time=08:00:00
#SBATCH --output=ollama-%j.out
set -euo pipefail
port=$1

export PATH="$HOME/ollama/bin:$PATH"

# Ollama has no options for this, only variables. OLLAMA_MODELS is in the entry.
export OLLAMA_HOST="0.0.0.0:$port"
# Keep the model in memory until the job ends: the gateway decides when that is.
export OLLAMA_KEEP_ALIVE=-1

exec ollama serve
