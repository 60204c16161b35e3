#compdef irs
# Completion of irs for zsh, made by 'irs completion zsh': irs itself is asked how the word may go on.

_irs() {
    local -a whole shown open opened
    local line value help
    local current=${words[CURRENT]}
    for line in "${(@f)$(${(Q)words[1]/#\~\//$HOME/} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        value=${line%%$'\t'*}
        help=${line#*$'\t'}
        if [[ $value == *[=/:,.] ]]; then
            open+=("$value")
            opened+=("$value${help:+  -- $help}")
        else
            whole+=("$value")
            shown+=("$value${help:+  -- $help}")
        fi
    done
    # What goes on gets no blank. Words with help stand one on a line.
    (( $#whole )) && compadd -l -V whole -d shown -a -- whole
    (( $#open )) && compadd -l -V open -S '' -d opened -a -- open
    return 0
}

if [[ $funcstack[1] == _irs ]]; then
    _irs "$@"
else
    compdef _irs irs
fi
