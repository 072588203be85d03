#!/bin/sh
# llama-swap's `cmd`: a Slurm job and a tunnel to it. It lives until SIGTERM, which cancels the job.
#   slurm_job.sh SSH_CONFIG SCRIPT SERVICE_PORT LOCAL_PORT LOAD_SECONDS SUBMISSIONS_FILE
set -eu
config=$1 script=$2 port=$3 local_port=$4 load=$5 submissions=$6

job=$(ssh -F "$config" login sbatch --parsable --export=ALL,LOAD_SECONDS="$load" "$script" "$port")
echo "$job" >>"$submissions"
forward=
end() {
    trap - TERM INT
    [ -z "$forward" ] || ssh -F "$config" -O cancel -L "$forward" login
    ssh -F "$config" login scancel "$job"
    exit 0
}
trap end TERM INT
while :; do
    set -- $(ssh -F "$config" login squeue --noheader --job "$job" --format "'%T %N'")
    [ "$1" = RUNNING ] && break
    sleep 0.1
done
forward=$local_port:$2:$port
ssh -F "$config" -O forward -L "$forward" login
while :; do
    sleep 1 & wait $!
done
