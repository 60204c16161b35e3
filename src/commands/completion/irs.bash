# Completion of irs for bash, made by 'irs completion bash': irs itself is asked how the word may go on.

_irs() {
    local rest=${COMP_LINE:0:COMP_POINT} words=() word after at
    # Bash cuts words at ':' and '=' as well: what stands together is put together again.
    for ((at = 0; at < COMP_CWORD; at++)); do
        word=${COMP_WORDS[at]}
        after=${rest#"${rest%%[![:space:]]*}"}
        if ((at == 0)) || [[ $after != "$rest" ]]; then
            words+=("$word")
        else
            words[${#words[@]} - 1]+=$word
        fi
        rest=${after#"$word"}
    done
    after=${rest#"${rest%%[![:space:]]*}"}
    if [[ $after != "$rest" || -z ${words[*]} ]]; then
        words+=("$after")
    else
        words[${#words[@]} - 1]+=$after
    fi
    local current=${words[${#words[@]} - 1]}
    # Bash keeps what stands before the last of those.
    local breaks='' fixed=''
    [[ $COMP_WORDBREAKS == *:* ]] && breaks+=':'
    [[ $COMP_WORDBREAKS == *=* ]] && breaks+='='
    if [[ -n $breaks && $current == *[$breaks]* ]]; then
        fixed=${current%"${current##*[$breaks]}"}
    fi
    COMPREPLY=()
    local value
    while IFS=$'\t' read -r value _; do
        [[ -n $value ]] || continue
        value=${value#"$fixed"}
        # Whatever may mean something to a shell means itself.
        case $value in
            *[!A-Za-z0-9_@%+=:,./~-]*) printf -v value %q "$value" ;;
        esac
        COMPREPLY+=("$value")
    done < <("${words[0]/#\~\//$HOME/}" __complete "${words[@]:1}" 2>/dev/null)
    # A word that goes on gets no blank.
    if [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *[=/:,.] ]]; then
        compopt +o nospace 2>/dev/null
    fi
    return 0
}
complete -o nosort -o nospace -F _irs irs 2>/dev/null || complete -o nospace -F _irs irs
