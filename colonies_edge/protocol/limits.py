"""Every bound of the system, each with its reason; beyond a bound there is a defined reply, never an accident."""

# --- one message -----------------------------------------------------------------------------------------------------
MESSAGE_BYTES_MAX = 262_144  # 256 KiB: MQTT brokers on small boards buffer whole messages; data belongs in a file store
MESSAGE_BYTES_CEILING = 16_777_216  # what a coordinator may be set to: it holds several whole messages in memory
REPLY_BYTES_MAX = 1_048_576  # a process shows its spec, its input and its output, each of which came in a message
JSON_DEPTH_MAX = 64  # the deepest honest message has about 10 levels; json and every walk over it recurse
NUMBER_CHARS_MAX = 1_000  # int() of a decimal string is quadratic, and Python refuses 4,300 digits on output
INT_MAX = 2**63 - 1  # Go reads whole numbers into 64 bits
INT_MIN = -(2**63)
COLUMN_INT_MAX = 2**31 - 1  # upstream keeps limits and counts in 32-bit columns and refuses more
COLUMN_INT_MIN = -(2**31)

# --- freshness and exactly one effect --------------------------------------------------------------------------------
FRESHNESS_S = 300  # how far a sender's clock may be off; more costs it one round trip (425)
REMEMBER_S = 600  # answers are kept for twice the window: a message is fresh at most that long after its first arrival
REFUSALS_PER_OUTSIDER_MAX = 250  # remembered of an executor that waits for approval or was removed, within 600 s
ANSWERS_PER_CALLER_MAX = 50_000  # 83 changes per second over 600 s by one identity; one answer is about 200 bytes
MSGID_MIN = 16  # 16 random base64 characters are 96 bits: nobody hits another's id by chance
MSGID_MAX = 64  # long enough for a SHA3-256 in hex; every remembered answer keeps one

# --- what a caller may ask for ---------------------------------------------------------------------------------------
COUNT_MAX = 100  # upstream's limit for lists of processes; 100 processes stay below MESSAGE_BYTES_MAX as a rule
LOG_COUNT_MAX = 500  # upstream's limit for lines of a log
SEARCH_COUNT_MAX = 100  # upstream's limit for lines found by searchlogsmsg
PACE_MINUTES_MAX = 180  # of the counts per minute: three hours are what fits into the width of a page
SEARCH_DAYS_MAX = 30  # upstream's limit for how far back a search goes
PRIORITY_MAX = 50_000  # upstream's; 50,000 days of head start still fit the 64 bits of prioritytime
GRAPH_NODES_MAX = 20_000  # processes of one workflow: showing, cancelling or archiving it walks over all in one step
INPUT_BYTES_MAX = 262_144  # outputs of all parents together: with spec and output they must fit REPLY_BYTES_MAX
ROOT_INPUTS_BYTES_MAX = 1_048_576  # of all roots of a workflow together: each is a row, and all leave in one record
DRAWING_BYTES_MAX = 700_000  # of nodes and edges of a workflow, about; the reply is base64 inside of REPLY_BYTES_MAX
NAME_CHARS_MAX = 256  # names of executors, users, functions: shown in tables, stored in every row

# --- executors -------------------------------------------------------------------------------------------------------
LEASE_S = 60  # long enough for a reconnect of paho (at most 30 s), short enough that lost work is noticed by a person
HEARTBEATS_PER_LEASE = 3  # two heartbeats in a row may get lost before the lease does
GRACE_S = 10  # what remains of a lease after the last will: a device that only lost its link is back by then
PASS_OVER_S = 30  # an executor that released a process is not offered it again for so long, so others get the chance
LOST_ASSIGNMENTS_MAX = 3  # free re-offers of one process whose assignment never arrived; then losses count as retries
CAPACITY_MAX = 1_024  # processes at one executor at a time; its readymsg must list them all in one message
LEFT_MAX = 10_000  # executors of which is remembered that they left: the others look silent, which they are, too
STALE_EXECUTOR_S = 600  # upstream's: an executor silent for so long is unregistered
TRY_FIRST_S = 1  # first resend of an unanswered request: well above a round trip over a bad radio link
TRY_MAX_S = 30  # resends double up to this: a coordinator that restarts is found again within half a minute

# --- what one party may occupy ---------------------------------------------------------------------------------------
LONG_POLLS_MAX = 10_000  # waiting assigns in all: each is a timer and a route, about 1 KiB
LONG_POLLS_PER_CALLER_MAX = 64  # one executor waits once per worker; more is a loop gone wild
SUBSCRIPTIONS_PER_CONN_MAX = 256  # a client that waits for more processes watches the colony instead
SUBSCRIPTIONS_MAX = 20_000  # in all: events are made for each of them
SUBSCRIBE_S_MAX = 86_400  # a day; then the client asks again, and forgotten subscriptions end
LOGS_PER_PROCESS_MAX = 10_000  # lines; at the limit the oldest stay and new ones are refused, the executor is told
LOGS_PER_EXECUTOR_MAX = 10_000  # lines of executor logs; there the oldest go
LOG_MESSAGE_BYTES_MAX = 16_384  # one line of a log; a journal line is held in memory
ATTRIBUTES_PER_PROCESS_MAX = 1_000  # each is shown in every reply that shows the process
ATTRIBUTES_BYTES_MAX = 65_536  # keys and values of one process together: its replies must still fit a message
FUNCTIONS_PER_EXECUTOR_MAX = 1_000  # rows in the function registry
CONNECTIONS_PER_IDENTITY_MAX = 16  # one person runs a few shells and services with one key
CONNECTIONS_MAX = 10_000  # sockets of the embedded broker; fewer where the system grants fewer file descriptors
SILENT_SOCKETS_MAX = 1_024  # of those, before their CONNECT: a fleet that comes at once; 50 KiB each over TLS
DESCRIPTORS_RESERVED = 256  # file descriptors that no connection gets: the store opens files while it works
STATUS_ONLY_PER_IDENTITY_MAX = 4  # connections with a stale password: machines that share a key and have no clock
STATUS_ONLY_S = 60  # to read the coordinator's time over a bad radio link
CONNECT_ATTEMPTS_PER_MINUTE = 60  # per address: a device that reconnects every second is tolerated, guessing is not
INFLOW_MAX = 512  # messages that wait for the coordinator at the embedded broker: a batch being written and the next
RETAINED_BYTES_MAX = 16_384  # the one status that the embedded broker retains of an identity: a bridge's is the largest
OFFLINE_QUEUE_MAX = 100  # messages the broker keeps for a session that is away; readymsg re-offers what is dropped

MONITOR_CONNECTIONS_MAX = 16  # scrapers at a time, each a thread; a site has one or two
MONITOR_READ_S = 10  # how long a scraper may take for its request or for reading the page
# --- enrolment -------------------------------------------------------------------------------------------------------
TOKEN_CHARS_MAX = 4_096  # with a certificate of an own authority it has 900; one of 2 KiB still fits
TOKEN_S_MAX = 2_592_000  # 30 days: used and revoked tokens are remembered until their end
TOKEN_USES_MAX = 100  # devices by one token: a pallet of them; the token's row names each
ENROLMENTS_PER_COLONY_MAX = 1_000  # tokens used or revoked and not over: they are looked through at a first use
ENROL_BYTES_MAX = 16_384  # an enrolmsg, all that a stranger may send: a token, a name, what the machine has
ENROLS_PER_S = 5  # strangers with a token whose signatures are checked: two recoveries each, some 20 ms on a Pi
ENROLLING_CONNECTIONS_MAX = 16  # at the embedded broker, of all strangers together; each lasts a minute at most
ENROLLING_S = 60  # one question and its answer, over a bad radio link

# --- work that starts by itself --------------------------------------------------------------------------------------
CRON_EXPRESSION_CHARS_MAX = 1_000  # every second, minute and hour spelt out in lists has 420
CRONS_PER_COLONY_MAX = 10_000  # each is a timer; ten times what the benchmark starts in one second
GENERATORS_PER_COLONY_MAX = 10_000  # each is a row and at most one timer
GENERATOR_ARGS_MAX = 10_000  # of one workflow: each is a row until then, and all leave in one journal record of 1 MB
GENERATOR_ARGS_BYTES_MAX = 131_072  # of one workflow, as JSON: with the rest of a process they must fit a message
LOCATIONS_PER_COLONY_MAX = 1_000  # they are listed in one reply
DESCRIPTION_CHARS_MAX = 1_024  # a few sentences about a place

# --- channels --------------------------------------------------------------------------------------------------------
CHANNELS_PER_PROCESS_MAX = 100  # upstream's limit
CHANNEL_ENTRIES_MAX = 10_000  # of one channel, upstream's limit; what is longer belongs into a file
CHANNEL_PAYLOAD_BYTES_MAX = 131_072  # of one entry: base64 of it, inside the base64 of a reply, still fits a message
CHANNEL_PAGE_CHARS_MAX = 180_000  # of entries in one reply or event, as JSON: as base64 they fit a message
CHANNEL_BYTES_PER_PROCESS_MAX = 4_194_304  # of all its channels, in memory: 10,000 entries of 20 bytes, or 32 largest
CHANNEL_BYTES_MAX = 67_108_864  # of all processes, in memory: what a board with 512 MiB can spare
CHANNEL_APPENDS_BURST = 500  # entries of one process at once, upstream's limit
CHANNEL_APPENDS_PER_S = 100  # entries of one process in the long run, upstream's limit

# --- blueprints ------------------------------------------------------------------------------------------------------
DEFINITIONS_PER_COLONY_MAX = 1_000  # kinds of things; they are looked through at every change of a blueprint
BLUEPRINTS_PER_COLONY_MAX = 10_000  # each may be a device of a large site
BLUEPRINT_BYTES_MAX = 65_536  # of one blueprint or definition as JSON: a line of history holds it whole
BLUEPRINT_HISTORY_MAX = 100  # generations of one blueprint; then the oldest go, as a device may change every minute
RECONCILE_S = 60  # between two looks at all blueprints of a kind, where the definition names no interval: upstream's

# --- files -----------------------------------------------------------------------------------------------------------
FILES_PER_COLONY_MAX = 100_000  # versions: each is a row of about 1 KiB in memory
LABEL_CHARS_MAX = 1_024  # a path of folders
SNAPSHOTS_PER_COLONY_MAX = 1_000  # they are looked through when they are listed
SNAPSHOT_FILES_MAX = 10_000  # the ids of one snapshot, 67 bytes each in JSON, must fit one reply
PAGE_CHARS_MAX = 500_000  # of one page of a list as JSON: as base64 it fits a reply
BLOB_CHUNK_BYTES_MAX = 131_072  # of one part: base64 inside the base64 of a message is 228 KiB, below MESSAGE_BYTES_MAX
BLOB_BYTES_MAX = 2**40  # of one file; what really bounds it is the quota
BLOB_QUOTA_BYTES = 4 * 2**30  # of one colony unless configured: an eighth of a usual SD card
BLOB_UPLOADS_PER_COLONY_MAX = 256  # unfinished at a time: each takes room and may never end
BLOB_UPLOAD_KEEP_S = 86_400  # an unfinished upload nobody goes on with: a device that was off for a day resumes
BLOB_UNNAMED_KEEP_S = 3_600  # bytes that are whole but that no file names yet: their addfilemsg may be on its way
BLOB_WAITING_MAX = 64  # requests about bytes that wait for the disk, up to 0.5 MB each; others come again
BLOB_DISK_RESERVE_BYTES = 268_435_456  # what uploads leave of the disk: the journal must always fit

# --- HTTP gateway ----------------------------------------------------------------------------------------------------
HTTP_CONNECTIONS_MAX = 4_096  # a thousand long polls, some hundred websockets, and as much again; 20 KiB each
HTTP_HEAD_BYTES_MAX = 16_384  # browsers send up to 8 KiB of headers
HTTP_HEAD_S = 10  # upstream's; who needs longer for a few hundred bytes holds connections open on purpose
HTTP_BODY_S = 60  # the largest message over 4 KiB/s
HTTP_IDLE_S = 120  # upstream's; a connection that is kept alive saves a new handshake over TLS
HTTP_TURN_BYTES = 8_192  # that one client is heard at a time: 1,400 tiny chunks or frames, 0.3 s on the smallest board
HTTP_UNREAD_S = 60  # in which a client took nothing of what it is told: the slowest line brings a packet in that time
HTTPS_FAREWELL_S = 300  # for what was said before a connection over TLS is closed: the largest reply over 4 KiB/s
WEBSOCKET_PING_S = 30  # a peer that vanished is found within two of them
WEBSOCKET_SILENT_S = 60  # without any subscription: nobody opens a socket to listen to nothing
WEBSOCKET_FRAMES_PER_S = 100  # of one client, after a second's worth at once: each may be a signature, 2 ms on a Pi
WEBSOCKET_BACKLOG_MAX = 1_000  # events waiting for one client; upstream drops after 100, we close: that is noticed

# --- watching --------------------------------------------------------------------------------------------------------
QUEUES_SHOWN_MAX = 1_000  # executor types in the metrics: their names are chosen by tenants, and each is a time series
COLONIES_SHOWN_MAX = 1_000  # colonies in the metrics and as retained status, for the same reason
COLONY_STATUS_S = 5  # between two retained statuses of a colony: people look at them, and cards are not written by them

# --- history ---------------------------------------------------------------------------------------------------------
FINISHED_IN_MEMORY_MAX = 5_000  # about 2 KiB each: 10 MB of the 45 MB that an idle coordinator may use
RETENTION_EVERY_S = 60  # between two looks for what is older than the retention time: upstream's
RETENTION_BATCH = 512  # processes, and lines of logs, that one look removes: one short transaction on a card
RETENTION_PAUSE_S = 0.25  # between two batches when there is more: everybody else gets a word in
RETENTION_S_MAX = 3_155_760_000  # a hundred years: further back there is no time stamp
FINISHED_KEEP_S = 3_600  # waiting clients read their result within the hour from memory; later reads use the archive

# --- the bridge ------------------------------------------------------------------------------------------------------
BRIDGE_WAITING = 256  # items of one rule on their way at a time, unless configured; what is more waits at its source
BRIDGE_WAITING_MAX = CAPACITY_MAX  # what a rule may be set to: each is a row in memory and on disk, up to a message
BRIDGE_RATE = 500  # items per second that are submitted each way, unless configured: a backlog floods no line
BRIDGE_POLLS_MAX = 8  # assigns of one rule at a time while there is work: over 50 ms of line that is 160 items/s
BRIDGE_POLL_S = 30  # one long poll: twenty per sweep of silent executors, and shorter than most proxies' patience
BRIDGE_HISTORY_WINDOW = 64  # records on their way at a time; what is more waits in the edge's archive
BRIDGE_RULES_MAX = 64  # each is an identity with connections of its own on one side or both
BRIDGE_STATUS_BYTES_MAX = 8_192  # of a presence that tells of a bridge: it stays in memory, shown with its executor
BRIDGES_SHOWN_MAX = 16  # in the status of a colony: half a message
BRIDGE_FILES_EVERY_S = 300  # between two looks at a label unless configured: each lists both sides
