"""Exit codes, and the exception for a plain no."""

SUCCESS = 0
FAILED = 1  # the job or the request failed
USAGE = 2
NO_CONNECTION = 3
INTERRUPTED = 130  # 128 + SIGINT, as shells do
PIPE_CLOSED = 141  # 128 + SIGPIPE


class Failed(Exception):
    """The command did its work and the answer is no; the message is the one line to print."""
