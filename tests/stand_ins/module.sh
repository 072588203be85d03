# A stand-in for the function of Environment Modules and Lmod, in the account's ~/.profile, which
# login shells alone read.
module() {
    : "$NOT_SET_IN_STAND_IN"
    case "$*" in
        purge) loaded_modules="" ;;
        "load python/3.11 cuda/12.4") loaded_modules="python/3.11 cuda/12.4" ;;
        *) echo "module (stand-in): unable to locate a modulefile for '$*'" >&2; return 1 ;;
    esac
    export loaded_modules
}
