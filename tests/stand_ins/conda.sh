# A stand-in for conda's shell function: miniforge3/etc/profile.d/conda.sh.
conda() {
    if [ "$#" != 2 ] || [ "$1" != activate ]; then
        echo "conda (stand-in): it can only 'activate ENVIRONMENT', not '$*'" >&2
        return 2
    fi
    if [ ! -d "$CONDA_HOME/envs/$2" ]; then
        echo "EnvironmentNameNotFound (stand-in): Could not find conda environment: $2" >&2
        return 1
    fi
    # As real activation scripts do: a variable that is not set. `set -u` would end the script here.
    export CONDA_BACKUP_OF_STAND_IN=$NOT_SET_IN_STAND_IN
    export PATH="$CONDA_HOME/envs/$2/bin:$PATH"
}
