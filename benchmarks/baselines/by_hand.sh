#!/bin/sh
# What a person does at best: submit, look until it runs, lead a tunnel to it, ask until it answers.
# The connection is open already. Prints the job's id and node.
#   by_hand.sh SSH_CONFIG SCRIPT SERVICE_PORT LOCAL_PORT LOAD_SECONDS
set -eu
config=$1 script=$2 port=$3 local_port=$4 load=$5

job=$(ssh -F "$config" login sbatch --parsable --export=ALL,LOAD_SECONDS="$load" "$script" "$port")
while :; do
    set -- $(ssh -F "$config" login squeue --noheader --job "$job" --format "'%T %N'")
    [ "$1" = RUNNING ] && break
    sleep 0.1
done
echo "$job $2"
ssh -F "$config" -O forward -L "$local_port:$2:$port" login
until curl --silent --fail --output /dev/null "http://127.0.0.1:$local_port/health"; do sleep 0.1; done
curl --silent --fail --output /dev/null "http://127.0.0.1:$local_port/echo?n=1"
