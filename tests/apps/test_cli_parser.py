"""Every command and flag that the tree promises is there, means one thing, and nothing else is understood."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest

from colonies_edge.apps.cli import main
from colonies_edge.apps.cli.command import Command, Group, settings_of
from colonies_edge.apps.cli.parser import GROUPS, Parser, add_group, load_group, parse

ID = "ab" * 32

# One line per command of the tree: the words, and the flags it must have. Values as a person would type them.
TREE = f"""
colony add --name x --colonyid {ID} --serverprvkey k
colony remove --name x --serverprvkey k
colony ls --serverprvkey k
colony check --name x --prvkey k
colony chid --colonyid {ID} --colonyprvkey k
colony stats --prvkey k
user add --name x --userid {ID} --email e --phone p --colonyprvkey k
user ls --prvkey k
user get --name x --prvkey k
user chid --userid {ID} --prvkey k
user remove --name x --yes --colonyprvkey k
executor add --spec f --executorid {ID} --name x --type t --approve --colonyprvkey k
executor create --spec f --name x --type t --approve --keypath k --idpath i --colonyprvkey k
executor approve --name x --colonyprvkey k
executor reject --name x --colonyprvkey k
executor remove --name x --colonyprvkey k
executor chid --executorid {ID} --prvkey k
executor ls --full --all --type t --location l -f x --prvkey k
executor ls --filter x
executor get --name x --prvkey k
bridge start --config f --mqtt m --serverid i --topic-root r --colonyname c --data d --colonyprvkey k
bridge status --config f --data d --json
coordinator start --bridge bridge.toml
executor os start --name x --executortype t --capacity 2 --allow a,b --workdir w --data d
function register --name x --func f --prvkey k
function remove --functionid {ID} --prvkey k
function ls --prvkey k
function submit --spec f --wait --out --follow --snapshot --label l --prvkey k
function exec --func f --targettype t --args a,b --kwargs k:v --env k=v --maxwaittime 1 --maxexectime 2 --maxretries 3
function exec --func f --targetid {ID} --wait --out --follow --snapshot --label l --prvkey k
process psw --count 20 --executortype t -i --prvkey k
process ps --count 20 --label l --ids --prvkey k
process pss --count 20 --initiator i --prvkey k
process psf --count 20
process psc --count 20
process get -p {ID} --out --prvkey k
process get --processid {ID}
process assign --timeout 1 --prvkey k
process close -p {ID} --out a,b --prvkey k
process fail -p {ID} --errors a,b --prvkey k
process cancel -p {ID} --prvkey k
process remove -p {ID} --prvkey k
process removeall --waiting --yes --colonyprvkey k
process removeall --successful
process removeall --failed
process removeall --cancelled
process pause --colonyname c --prvkey k
process pause --colonyname c --colonyprvkey k
process resume --colonyname c --colonyprvkey k
process status --colonyname c --prvkey k
workflow submit --spec f --wait --prvkey k
workflow submit --spec f --follow
workflow psw --count 20 --prvkey k
workflow ps --count 20 --prvkey k
workflow pss --count 20 --prvkey k
workflow psf --count 20 --prvkey k
workflow psc --count 20 --prvkey k
workflow get --workflowid {ID} --prvkey k
workflow cancel --workflowid {ID} --prvkey k
workflow remove --workflowid {ID} --prvkey k
workflow removeall --waiting --yes --colonyprvkey k
workflow removeall --successful
workflow removeall --failed
workflow removeall --cancelled
cron add --name x --spec f --cron @daily --waitprevious --prvkey k
cron add --name x --spec f --interval 60 --random
cron get --cronid {ID} --prvkey k
cron ls --count 20 --prvkey k
cron run --cronid {ID} --prvkey k
cron remove --cronid {ID} --prvkey k
generator add --name x --spec f --trigger 5 --timeout 30 --prvkey k
generator pack --generatorid {ID} --arg x --prvkey k
generator get --generatorid {ID} --prvkey k
generator ls --count 20 --prvkey k
generator remove --generatorid {ID} --prvkey k
blueprint definition add --spec f --colonyprvkey k
blueprint definition get --name x --prvkey k
blueprint definition ls --prvkey k
blueprint definition remove --name x --colonyprvkey k
blueprint add --spec f --prvkey k
blueprint update --spec f --prvkey k
blueprint ls --kind k --prvkey k
blueprint get --name x --prvkey k
blueprint set --name x --key a.b.c --value 1 --prvkey k
blueprint remove --name x --prvkey k
blueprint reconcile --name x -f --prvkey k
blueprint reconcile --name x --force
blueprint history --name x -l 5 -g 2 --prvkey k
blueprint history --name x --limit 5 --generation -1
blueprint log -c 5 -f --prvkey k
blueprint log --name x --count 5 --follow
blueprint doctor --prvkey k
blueprint doctor --name x --fix
location add --name x --desc d --long 1.5 --lat -2 --colonyprvkey k
location ls --prvkey k
location get --name x --prvkey k
location remove --name x --yes --colonyprvkey k
attribute add -p {ID} --key a --value b --prvkey k
attribute get --attributeid {ID} --prvkey k
log add -p {ID} -m x --prvkey k
log add --processid {ID} --msg x
log get -p {ID} --since 1 --count 5 --follow --prvkey k
log get -e x --latest
log get --executorname x -l
log get -e x -f
log get -e x --first
log search -t x -d 1 --count 20 --print --seconds 1 --prvkey k
log search --text x --days 30
fs sync -d x -l /x --dry --yes --keeplocal=false --syncplans --prvkey k
fs sync --dir x --label /x --keeplocal
fs clean -d x -l /x --dry --yes --cleanplans
fs ls -l /x
fs info -i {ID}
fs info -l /x -n y
fs get -i {ID} -d x
fs get -l /x --name y --dir x
fs remove --fileid {ID}
fs remove -l /x -n y
fs label ls
fs label remove -l /x --yes
fs snapshot create -l /x -n y
fs snapshot create -l /x --snapshotname y
fs snapshot ls
fs snapshot info -i {ID}
fs snapshot info -n y
fs snapshot download -n y -d x
fs snapshot download --snapshotid {ID} --dir x
fs snapshot remove -i {ID}
fs snapshot remove -n y
fs snapshot removeall --yes
cluster info --serverprvkey k
server start --mqtt mqtt://h:1 --data d --retention 60
server status
server stats --serverprvkey k
server alive
server chid --serverid {ID} --serverprvkey k
security generate
security id --prvkey k
config
version
dev --port 1 --data d
demo
doctor --data d --fix
status --watch 5 --prvkey k
status --watch
coordinator start --mqtt mqtt://h:1 --data d
coordinator start --listen 0.0.0.0:1 --retention off --sync-ms 5 --message-kib 5 --file-quota 1G --serverprvkey k
database create --data d --serverprvkey k
database drop --data d --yes
monitor start --listen 127.0.0.1:9 --interval 5 --serverprvkey k
completion bash
completion zsh
completion fish
coordinator check --data d
install coordinator --broker embedded --listen 127.0.0.1:1 --http off --tls --dry-run --root r --service-manager none
install executor --mqtt mqtt://h --colonyname c --executortype t --name n --capacity 2 --allow a,b --location l
install bridge --config f --program p --python q
upgrade f --within 5 --one-way --dry-run --root r
uninstall coordinator --purge --yes --dry-run
ledger verify --data d
executor revoke --name e --executorid {ID} --broker-config d --colonyprvkey k
executor rotate-key --name e --executortype t --data d --next-mqtt mqtts://u:p@h --next-cert c --next-key k
enrol ce1.a.b.c --name camera-1 --location attic --data d --mqtt mqtts://u:p@h --no-wait --start --capacity 2
enrol token --executortype camera --name camera-* --expires 12h --uses 3 --approve --qr --address mqtt://pi:1883
enrol ls --colonyprvkey k
enrol revoke abc --colonyprvkey k
security encrypt --data d a.key b.key
security decrypt --data d a.key
tls init --data d --host pi.local --host 10.0.0.5
tls server --data d pi.local 10.0.0.5
tls client --data d --identity {ID} camera-1
tls renew --data d
tls show --data d a.crt b.crt
broker-config mosquitto --out d --authority e
""".strip().split("\n")

# Words that mean nothing here, by decision: dead upstream, misspelt upstream, or an abbreviation.
REFUSED = """
function exec --func f --targettype t --snapshots
function submit --spe f
colony ls --colonyid x
process psw --executortype t --label l
process removeall --waiting --failed
process psw --count 0
process psw --count 101
log get -e x --count 501
log get -e x -p y
log get -e x --first --latest
colony add --name x --colonyid short
colony add --name x
user add --name x
user get
process get
process cancel
attribute add -p x --key k
log add -p x
executor add --name x --type t
dev --port 70000
dev --port many
workflow ls
workflow get
workflow submit
workflow submit --spec f --colonyid x
workflow removeall --running
workflow psw --count 101
cron add --name x
cron add --name x --spec f --cron @daily --interval 5
cron ls --count 0
cron delete --cronid x
generator add --name x --spec f
generator add --name x --spec f --trigger 0
generator pack --generatorid x
location add --name x --lat north
location add --name x --long inf
log search
log search -t x --count 101
log search -t x --days 31
blueprint add --name x
blueprint set --name x --key a
blueprint definition get
blueprint history --name x -l 0
blueprint log -c 501
fs sync --keeplocal=maybe
fs sync --driver s3
fs get -l /x -n y
fs label remove
fs snapshot create -l /x
status --watch often
status --watch 0.1
demon
process psx
executor os stop
coordinator start --retention 0
coordinator start --retention -5
coordinator start --retention forever
monitor start --interval 0
monitor start --listen 9090
completion powershell
database remove
""".strip().split("\n")


@pytest.mark.parametrize("line", TREE)
@pytest.mark.parametrize("common", ["", "--json", "--quiet", "--verbose", "-v"])
def test_every_command_of_the_tree_is_understood(line: str, common: str) -> None:
    words = line.split()
    if words[0] == "broker-config" and common:
        return  # its own parser: it has no result that could be JSON
    args = parse([*words, *common.split()])
    assert hasattr(args, "command") or hasattr(args, "run")
    if common == "--json":
        assert args.json and parse(["--json", *words]).json


@pytest.mark.parametrize("line", TREE)
def test_every_connecting_command_can_be_pointed_elsewhere(line: str) -> None:
    args = parse(line.split())
    if not hasattr(args, "command") or not args.command.connects:
        return
    again = parse([*line.split(), "--mqtt", "mqtt://h:1", "--host", "h", "--port", "2", "--topic-root", "r"])
    assert (again.set_mqtt, again.set_host, again.set_port) == ("mqtt://h:1", "h", 2)


@pytest.mark.parametrize("line", REFUSED)
def test_what_means_nothing_is_refused_with_one_line_and_code_2(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("colonies-edge: ") and said.err.count("\n") == 1


def test_a_mistyped_word_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["functoin", "submit"]) == 2
    assert "did you mean `colonies-edge function`?" in capsys.readouterr().err
    assert main(["process", "gett"]) == 2
    assert "did you mean `colonies-edge process get`?" in capsys.readouterr().err


def test_a_group_without_a_verb_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], *([name] for name, group in groups() if group.itself is None), ["executor", "os"]):
        assert main(words) == 0
        assert capsys.readouterr().out.startswith("usage: colonies-edge")


def groups() -> Iterator[tuple[str, Group]]:
    for name in GROUPS:
        if name != "broker-config":
            yield name, load_group(name)


def commands() -> Iterator[tuple[str, Command]]:
    for name, group in groups():
        yield from ((name, group.itself),) if group.itself else ()
        yield from ((f"{name} {command.name}", command) for command in group.commands)
        for subgroup in group.subgroups:
            yield from ((f"{name} {subgroup.name} {command.name}", command) for command in subgroup.commands)


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_command_has_a_line_in_the_tree_and_a_help_page(
    name: str, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert any(line == name or line.startswith(f"{name} ") for line in TREE), name
    assert main([*name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    for setting in settings_of(command):
        assert setting.names[0] in shown
    for option in command.flags:
        assert option.names[-1] in shown


def test_the_group_list_and_the_groups_agree() -> None:
    for name, group in groups():
        assert (group.name, group.help) == (name, GROUPS[name][1])


def test_no_two_flags_of_a_command_share_a_name() -> None:
    for _, group in groups():
        parser = Parser(prog="x")
        add_group(parser.add_subparsers(), group, (), "x")  # argparse raises on a conflict
        assert isinstance(parser, argparse.ArgumentParser)


def test_counts_have_their_own_defaults() -> None:
    assert parse(["process", "psw"]).count == 20
    assert parse(["log", "get", "-e", "x"]).count == 100
    assert parse(["log", "search", "-t", "x"]).count == 10
    assert parse(["workflow", "psw"]).count == 20
    assert parse(["blueprint", "history", "--name", "x"]).limit == 10
    assert parse(["blueprint", "log"]).count == 100


@pytest.mark.parametrize(
    ("line", "asked"),
    [("fs remove -l /x -n y --yess", "fs remove"), ("process --nope", "process"), ("doctor --nope", "doctor")],
)
def test_an_unknown_flag_is_refused_with_the_help_of_its_command(
    line: str, asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    assert capsys.readouterr().err.endswith(f"; see `colonies-edge {asked} --help`\n")
