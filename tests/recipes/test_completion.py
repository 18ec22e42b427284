"""The script that completes the command, run by the shell that it is for."""

import shutil
import subprocess

import pytest

ASK = """source {script}; COMP_WORDS=(zoo {words}); COMP_CWORD={last}; _zoo; echo "${{COMPREPLY[@]}}" """
CASES = {
    "tra": "train",
    "train resnet20_dropout_d": "resnet20_dropout_digits",
    "train resnet20_dropout_c": "resnet20_dropout_cifar10 resnet20_dropout_cifar100",
    "train resnet20_dropout --wei": "--weights",
    "train x --resume --ep": "--epochs",
    "evaluate resnet20_cfnn --weights dig": "digits",
    "evaluate resnet20_dr": "resnet20_dropout",
    "train x --data cifar100": "cifar100",
    "reproduce ball-m": "ball-majority",
    "train x --out res": "",
}


def test_the_words_are_those_of_the_command(zoo_command, tmp_path):
    code, script, _ = zoo_command("completion", "bash")
    assert code == 0
    if not shutil.which("bash"):
        pytest.skip("bash is not installed")
    (tmp_path / "script").write_text(script)
    for words, found in CASES.items():
        text = ASK.format(script=tmp_path / "script", words=words, last=len(words.split()))
        done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True)
        assert sorted(done.stdout.split()) == found.split(), words


def test_zsh_runs_the_same_script_as_bash_does(zoo_command):
    """By its own bashcompinit."""
    bash, zsh = (zoo_command("completion", shell)[1] for shell in ("bash", "zsh"))
    assert zsh.endswith(f"bashcompinit\n{bash}")


def test_another_shell(zoo_command):
    code, out, errors = zoo_command("completion", "fish")
    assert (code, out) == (1, "")
    assert errors.startswith("error: Unknown shell. Allowed: bash, zsh.")
