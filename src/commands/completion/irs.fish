# Completion of irs for fish, made by 'irs completion fish': irs itself is asked how the word may go on.

function __irs_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l command (string replace -r '^~/' "$HOME/" -- $words[1])
    $command __complete $words[2..-1] (commandline --current-token --cut-at-cursor) 2>/dev/null
end
complete --command irs --erase
complete --command irs --no-files --keep-order --arguments '(__irs_complete)'
