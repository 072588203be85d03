# Sourced by start.cmd: a setting as the product itself reads it.

setting() { # NAME DEFAULT: the environment, then .env, then the default
    local value=${!1:-}
    [ -n "$value" ] || value=$(in_env "$1")
    value=${value:-$2}
    printf '%s' "${value/#\~\//$HOME/}"
}

# NAME: the last line counts, without quotes and without a comment behind the value.
in_env() {
    sed -nE "s/^[[:blank:]]*(export[[:blank:]]+)?$1[[:blank:]]*=[[:blank:]]*//p" .env 2>/dev/null \
        | tail -n 1 \
        | sed -E -e "s/^'([^']*)'.*/\1/;t" -e 's/^"([^"]*)".*/\1/;t' -e 's/[[:space:]]+#.*//;s/[[:space:]]+$//'
}
