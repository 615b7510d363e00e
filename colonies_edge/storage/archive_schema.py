"""The tables of the archive, made so that finishing a process dirties few pages: cards wear by the page."""

from colonies_edge.storage.migrations import FORMAT

# Ids are random; an index over the first 60 bits of one is a third of the size of an index over all of it, and a
# collision only costs a look at a second row.
ID_DIGITS = 15

# Empty names are NULL, which the indices of the filters leave out: most processes have no label.
#
# `record` is the number of the journal record that retired the process. It makes both directions repeatable: rows of
# records that never reached the journal are taken back at start, and a purge never touches what came after it.
_TABLES = """
CREATE TABLE names(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE processes(
    number INTEGER PRIMARY KEY,
    short INTEGER NOT NULL,
    record INTEGER NOT NULL,
    colony INTEGER NOT NULL,
    state INTEGER NOT NULL,
    endtime INTEGER NOT NULL,
    submitted INTEGER NOT NULL,
    executortype INTEGER,
    label INTEGER,
    initiator INTEGER,
    executor INTEGER NOT NULL,
    format INTEGER NOT NULL,
    row BLOB NOT NULL
);
CREATE INDEX by_short ON processes(short);
CREATE INDEX by_end ON processes(colony, state, endtime);
CREATE INDEX by_submission ON processes(colony, state, submitted);
CREATE INDEX by_type ON processes(colony, executortype, state, endtime) WHERE executortype IS NOT NULL;
CREATE INDEX by_label ON processes(colony, label, state, endtime) WHERE label IS NOT NULL;
CREATE INDEX by_initiator ON processes(colony, initiator, state, endtime) WHERE initiator IS NOT NULL;
CREATE TABLE attributes(short INTEGER NOT NULL, process INTEGER NOT NULL, PRIMARY KEY(short, process)) WITHOUT ROWID;
CREATE INDEX attributes_of ON attributes(process);
CREATE TABLE logs(
    time INTEGER PRIMARY KEY,
    short INTEGER NOT NULL,
    record INTEGER NOT NULL,
    colony INTEGER NOT NULL,
    executor INTEGER NOT NULL,
    format INTEGER NOT NULL,
    row BLOB NOT NULL
);
CREATE INDEX logs_of_process ON logs(short);
CREATE INDEX logs_of_executor ON logs(colony, executor);
"""

# The processes of workflows are marked, because they are removed with their workflow only. Archives of before there
# were workflows get these tables when they are opened.
WORKFLOWS = """
CREATE TABLE IF NOT EXISTS nodes(process INTEGER PRIMARY KEY, graph INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS nodes_of ON nodes(graph);
CREATE TABLE IF NOT EXISTS graphs(
    number INTEGER PRIMARY KEY,
    short INTEGER NOT NULL,
    record INTEGER NOT NULL,
    colony INTEGER NOT NULL,
    state INTEGER NOT NULL,
    submitted INTEGER NOT NULL,
    format INTEGER NOT NULL,
    row BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS graphs_by_short ON graphs(short);
CREATE INDEX IF NOT EXISTS graphs_by_submission ON graphs(colony, state, submitted);
"""

SCHEMA = f"BEGIN; {_TABLES} {WORKFLOWS} PRAGMA user_version = {FORMAT}; COMMIT;"

# WAL: a commit appends the changed pages once and syncs one file; a rollback journal writes every page twice and syncs
# three times. FULL syncs the WAL at each commit: an archived process is on the card before the journal says so.
# 64 pages of 4 KiB: each connection may keep 1 MiB; the WAL is folded in every 256 pages and truncated to 1 MiB.
SETTINGS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -1024;
PRAGMA wal_autocheckpoint = 256;
PRAGMA journal_size_limit = 1048576;
PRAGMA temp_store = MEMORY;
"""


def short(identity: str) -> int:
    """The part of a 64-digit id that is indexed; ids of another shape, which no honest part makes, share one value."""
    try:
        return int(identity[:ID_DIGITS], 16)
    except ValueError:
        return -1
