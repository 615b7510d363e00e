"""`fs`: files of the colony: keep a folder and a label the same, list, fetch and remove."""

from __future__ import annotations

from colonies_edge.apps.cli import fs_files, fs_snapshot, fs_sync
from colonies_edge.apps.cli.command import Command, Group, flag, switch
from colonies_edge.apps.cli.fs_common import DIR, ID, LABEL, NAME, boolean

GROUP = Group(
    name="fs",
    help="files of the colony: sync folders, list, fetch, snapshots",
    commands=(
        Command(
            name="sync",
            help="bring a folder and a label to the same state, after showing what would be done",
            run=fs_sync.sync,
            key="prvkey",
            colony=True,
            flags=(
                DIR,
                LABEL,
                switch("--dry", help="only show what would be done"),
                switch("--yes", help="do not ask"),
                flag(
                    "--keeplocal",
                    nargs="?",
                    const=True,
                    default=True,
                    type=boolean,
                    metavar="true|false",
                    help="where both sides differ the local file becomes the newest version (true); false: the server's"
                    " replaces it",
                ),
                switch("--syncplans", help="show every file of the plan"),
            ),
        ),
        Command(
            name="clean",
            help="remove local files that the label does not have",
            run=fs_sync.clean,
            key="prvkey",
            colony=True,
            flags=(
                DIR,
                LABEL,
                switch("--dry", help="only show what would be removed"),
                switch("--yes", help="do not ask"),
                switch("--cleanplans", help="show every file of the plan"),
            ),
        ),
        Command(
            name="ls", help="list the files of a label", run=fs_files.ls, key="prvkey", colony=True, flags=(DIR, LABEL)
        ),
        Command(
            name="info",
            help="show all versions of a file, or one",
            run=fs_files.info,
            key="prvkey",
            colony=True,
            flags=(ID, DIR, LABEL, NAME),
        ),
        Command(
            name="get",
            help="fetch the latest version of a file, or the one with an id",
            run=fs_files.get,
            key="prvkey",
            colony=True,
            flags=(
                ID,
                LABEL,
                NAME,
                flag("-d", "--dir", required=True, metavar="DIR", help="the folder to put it into"),
            ),
        ),
        Command(
            name="remove",
            help="remove a file with all its versions, or one version by its id; local files stay",
            run=fs_files.remove,
            key="prvkey",
            colony=True,
            flags=(ID, DIR, LABEL, NAME, switch("--yes", help="do not ask")),
        ),
    ),
    subgroups=(
        Group(
            name="label",
            help="labels: folders of the colony's files",
            commands=(
                Command(name="ls", help="list all labels", run=fs_files.label_ls, key="prvkey", colony=True),
                Command(
                    name="remove",
                    help="remove all files of a label and of those below it",
                    run=fs_files.label_remove,
                    key="prvkey",
                    colony=True,
                    flags=(
                        flag("-l", "--label", required=True, help="the label"),
                        switch("--yes", help="do not ask"),
                    ),
                ),
            ),
        ),
        fs_snapshot.GROUP,
    ),
)
