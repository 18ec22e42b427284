"""Completion of the `zoo` command in a shell, by a script that asks nothing: to start the command takes seconds."""

from collections.abc import Mapping, Sequence

from zoo.layers.arguments import check_known

_SCRIPT = """\
_zoo() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
    case "${{COMP_WORDS[COMP_CWORD - 1]}}" in
{values}
        *)
            if [ "$COMP_CWORD" -eq 1 ]; then
                words="{commands}"
            else
                case "${{COMP_WORDS[1]}}" in
{arguments}
                esac
            fi
            ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _zoo zoo
"""
_BEGINNINGS = {"bash": "", "zsh": "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"}


def completion(shell: str, commands: Mapping[str, Sequence[str]], values: Mapping[str, Sequence[str]]) -> str:
    """Return a script that completes the command; where it knows no word, the shell completes files.

    Args:
        shell: "bash" or "zsh".
        commands: Words that may follow each command: its options and the names that it takes.
        values: Words that may follow each option that takes a value; none where they are not known.

    Raises:
        ValueError: If `shell` is another one.
    """
    check_known("shell", shell, _BEGINNINGS)
    lines = [_case(command, words, 20) for command, words in commands.items()]
    known = [_case(option, words, 8) for option, words in values.items()]
    script = _SCRIPT.format(commands=" ".join(commands), arguments="\n".join(lines), values="\n".join(known))
    return _BEGINNINGS[shell] + script


def _case(name: str, words: Sequence[str], indent: int) -> str:
    return f'{" " * indent}{name}) words="{" ".join(words)}" ;;'
