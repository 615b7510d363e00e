"""`demo`"""

from colonies_edge.apps.cli.command import Group

GROUP = Group(name="demo", help="broker, coordinator and executor run one job, then everything is gone again")
