"""The check-list: every command and flag of upstream's tree is here, or left out for a reason that is written down."""

from __future__ import annotations

import argparse

import pytest

from colonies_edge.apps.cli.parser import GROUPS, Parser, add_group, load_group

# Upstream's tree (commit d89bd386), one command with its flags a line.
UPSTREAM = """
colony add --name --colonyid --serverprvkey
colony remove --name
colony ls --json
colony check --name --prvkey
colony chid --colonyid
colony stats
server start
server status --host --port
server stats --serverprvkey
server alive
server chid --serverid
cluster info --serverprvkey
database create
database drop
monitor start --serverprvkey
completion bash
completion zsh
completion fish
security generate
security id --prvkey
config
version
user add --name --userid --email --phone --colonyprvkey
user ls
user get --name
user chid --userid
user remove --name
location add --name --desc --long --lat --colonyprvkey
location ls
location get --name
location remove --name
executor add --spec --executorid --name --type --approve
executor create --spec --name --type --approve --keypath --idpath
executor approve --name
executor reject --name
executor remove --name
executor chid --executorid
executor ls --full --all --type --location -f --filter --json
executor get --name --json
function register --name --func --prvkey
function remove --functionid
function ls
function submit --spec --wait --out --follow --snapshot --label --prvkey
function exec --func --targettype --targetid --args --kwargs --env --maxwaittime --maxexectime --maxretries
function exec --wait --out --follow --snapshot --label --prvkey
process psw --count --executortype --label --initiator -i --ids --json --prvkey
process ps --count --executortype --label --initiator -i --ids --json --prvkey
process pss --count --executortype --label --initiator -i --ids --json --prvkey
process psf --count --executortype --label --initiator -i --ids --json --prvkey
process psc --count --executortype --label --initiator -i --ids --json --prvkey
process get -p --processid --out --json
process assign --timeout --prvkey
process close -p --out --prvkey
process fail -p --errors --prvkey
process cancel -p --prvkey
process remove -p
process removeall --waiting --successful --failed --cancelled
process pause --colonyname --prvkey
process resume --colonyname --prvkey
process status --colonyname --prvkey
attribute add -p --key --value --prvkey
attribute get --attributeid
log add -p -m --msg --prvkey
log get -p -e --executorname --since --count --follow -l --latest -f --first
log search -t --text -d --days --count --print --seconds
workflow submit --spec
workflow psw --count --json --prvkey
workflow ps --count --json --prvkey
workflow pss --count --json --prvkey
workflow psf --count --json --prvkey
workflow psc --count --json --prvkey
workflow get --workflowid --json --prvkey
workflow cancel --workflowid --prvkey
workflow remove --workflowid --prvkey
workflow removeall --waiting --successful --failed --cancelled
cron add --name --spec --cron --interval --random --waitprevious
cron get --cronid --json
cron ls --count
cron run --cronid
cron remove --cronid
generator add --name --spec --trigger --timeout
generator pack --generatorid --arg
generator get --generatorid
generator ls --count
generator remove --generatorid
fs sync -d --dir -l --label --dry --yes --keeplocal --syncplans --quiet
fs clean -d -l --dry --yes --cleanplans --quiet
fs ls -l
fs info -i --fileid -l -n --name
fs get -i -l -n -d
fs remove -i -l -n
fs label ls
fs label remove -l --yes
fs snapshot create -l -n --snapshotname
fs snapshot ls
fs snapshot info -i --snapshotid -n
fs snapshot download -i -n -d
fs snapshot remove -i -n
fs snapshot removeall
blueprint definition add --spec
blueprint definition get --name --json
blueprint definition ls --json
blueprint definition remove --name
blueprint add --spec
blueprint update --spec
blueprint ls --kind --json
blueprint get --name --json
blueprint set --name --key --value
blueprint remove --name
blueprint reconcile --name -f --force
blueprint history --name -l --limit -g --generation --json
blueprint log --name -c --count -f --follow
blueprint doctor --name --fix
"""
# Left out, and why somebody would accept it. `completion powershell`: the program runs on Unix. Of flags: `--db…` and
# `--etcd…` of `database` and `server start` name a database server and a cluster, which are not there (`--data` names
# the folder instead). `--colonyid` of several commands set the colony's name, which is `--colonyname` here. `--quite`
# is `--quiet`. The dead ones (`fs sync --driver`, `function exec --snapshots`) and `--insecure` (of HTTP) mean nothing.

LINES = [line.split() for line in UPSTREAM.strip().splitlines()]
EVERYWHERE = ("--json", "--quiet", "-v", "--verbose")


def names(parser: argparse.ArgumentParser, words: list[str]) -> set[str]:
    """The flags of the command that the words lead to."""
    for word in words:
        below = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
        assert word in below.choices, f"there is no {' '.join(words)}"
        parser = below.choices[word]
    return {name for action in parser._actions for name in action.option_strings}


def parser_of(group: str) -> argparse.ArgumentParser:
    whole = Parser(prog="x")
    add_group(whole.add_subparsers(), load_group(group), (), "x")
    return whole


@pytest.mark.parametrize("line", LINES, ids=lambda line: " ".join(word for word in line if word[0] != "-"))
def test_every_command_of_upstream_is_here_with_its_flags(line: list[str]) -> None:
    words = [word for word in line if not word.startswith("-")]
    flags = set(line) - set(words)
    assert words[0] in GROUPS
    there = names(parser_of(words[0]), words)
    assert not flags - there, f"{' '.join(words)} lacks {sorted(flags - there)}"
    assert there.issuperset(EVERYWHERE)


HAD_HOST = ("attribute", "cluster", "colony", "cron", "executor", "generator", "location", "process", "user")


@pytest.mark.parametrize("group", HAD_HOST)
def test_commands_that_had_a_host_and_a_port_have_them(group: str) -> None:
    parser = parser_of(group)
    for line in LINES:
        if line[0] == group:
            assert {"--host", "--port"} <= names(parser, [word for word in line if not word.startswith("-")])
