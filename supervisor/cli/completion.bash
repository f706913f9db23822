
# Without the package bash-completion there is no _init_completion: this does what
# it would, and joins again what bash took apart at = and :.
__rota_init_completion()
{
    local i line=$COMP_LINE
    COMPREPLY=() words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if ((i == 0)) || [[ $line == [[:blank:]]* ]]; then
            line=${line#"${line%%[![:blank:]]*}"}
            words+=("")
        fi
        words[${#words[@]} - 1]+=${COMP_WORDS[i]}
        line=${line#"${COMP_WORDS[i]}"}
    done
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
    prev=
    ((cword == 0)) || prev=${words[cword - 1]}
}
