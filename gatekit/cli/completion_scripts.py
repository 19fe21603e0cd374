"""What each shell runs to complete a word: it asks gatekit by click's protocol, and finds files and folders itself.

The answer is one item each: `plain`, a word with or without what it is for, or `file`, the beginning of a path. Where a
path stands behind `json=`, `0=` or `--evidence=`, its beginning is shorter than the word. click's own scripts complete
no path there, put a blank behind `json=`, and cut a description in fish at its first comma.
"""

from __future__ import annotations

SCRIPTS = {
    "bash": """\
_gatekit_completion() {
    local IFS=$'\\n' line
    COMPREPLY=()
    for line in $(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _GATEKIT_COMPLETE=bash_complete "$1"); do
        case "$line" in
            file,*) compopt -o default ;;
            plain,*) COMPREPLY+=("${line#plain,}") ;;
        esac
    done
    [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace
}
complete -o nosort -F _gatekit_completion gatekit
""",
    "zsh": """\
#compdef gatekit
_gatekit_completion() {
    local -a answer words_only begun described
    local type word about
    answer=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) _GATEKIT_COMPLETE=zsh_complete gatekit)}")
    for type word about in ${answer}; do
        if [[ $type == file ]]; then
            [[ $PREFIX == *=* && $PREFIX != $word ]] && compset -P '*='
            _path_files -f
        elif [[ $about != _ ]]; then
            described+=("$word:$about")
        elif [[ $word == *= ]]; then
            begun+=("$word")
        else
            words_only+=("$word")
        fi
    done
    (( $#described )) && _describe -V unsorted described -U
    (( $#words_only )) && compadd -U -V unsorted -a words_only
    (( $#begun )) && compadd -U -S '' -V unsorted -a begun
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _gatekit_completion "$@"
else
    compdef _gatekit_completion gatekit
fi
""",
    "fish": """\
function _gatekit_completion
    set -l word (commandline -t)
    for line in (env _GATEKIT_COMPLETE=fish_complete COMP_WORDS=(commandline -cp) COMP_CWORD=$word gatekit)
        set -l item (string split -m 1 , -- $line)
        if test $item[1] = file
            set -l before ''
            if test "$item[2]" != "$word"
                set before (string match -r '^[^=]*=' -- $word; or echo '')
            end
            printf '%s\\n' $before(__fish_complete_path $item[2])
        else
            echo $item[2]
        end
    end
end
complete --no-files --command gatekit --arguments '(_gatekit_completion)'
""",
}
"""Per shell; bash from 4.4 on."""
