"""One method per message about servers, colonies, users, executors and functions (`protocol-core.md` 3)."""

from __future__ import annotations

from typing import Any

from colonies_edge.client.calls_base import Calls
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.messages import (
    AddColony,
    AddExecutor,
    AddFunction,
    AddUser,
    ApproveExecutor,
    ChangeColonyId,
    ChangeExecutorId,
    ChangeServerId,
    ChangeUserId,
    Enrol,
    GetCluster,
    GetColonies,
    GetColony,
    GetColonyStats,
    GetEnrolments,
    GetExecutor,
    GetExecutorById,
    GetExecutors,
    GetFunctions,
    GetServerInfo,
    GetStatistics,
    GetUser,
    GetUserById,
    GetUsers,
    RejectExecutor,
    RemoveColony,
    RemoveExecutor,
    RemoveFunction,
    RemoveUser,
    ReportAllocation,
    RevokeEnrolment,
    UpdateExecutor,
    Version,
)
from colonies_edge.protocol.model import (
    Allocations,
    Capabilities,
    Cluster,
    Colony,
    Enrolment,
    Executor,
    Function,
    FunctionArg,
    ServerInfo,
    Statistics,
    User,
)
from colonies_edge.protocol.topics import NO_COLONY


class MemberCalls(Calls):
    """Who takes part, and in what. `colonyname` of an object is the client's colony where it is not given."""

    # Server

    async def version(self) -> dict[str, Any]:
        reply: dict[str, Any] = await self.call(Version(), colony=NO_COLONY)
        return reply

    async def get_server_info(self) -> ServerInfo:
        return decode(ServerInfo, await self.call(GetServerInfo(), colony=NO_COLONY))

    async def get_statistics(self) -> Statistics:
        return decode(Statistics, await self.call(GetStatistics(), colony=NO_COLONY))

    async def get_cluster(self) -> Cluster:
        return decode(Cluster, await self.call(GetCluster(), colony=NO_COLONY))

    async def change_server_id(self, serverid: str) -> None:
        await self.call(ChangeServerId(newserverid=serverid), colony=NO_COLONY)

    # Colonies

    async def add_colony(self, name: str, colonyid: str) -> Colony:
        message = AddColony(colony=Colony(name=name, colonyid=colonyid))
        return decode(Colony, await self.call(message, colony=NO_COLONY))

    async def remove_colony(self, name: str) -> None:
        await self.call(RemoveColony(colonyname=name), colony=NO_COLONY)

    async def get_colonies(self) -> list[Colony]:
        return self.many(Colony, await self.call(GetColonies(), colony=NO_COLONY))

    async def get_colony(self) -> Colony:
        return decode(Colony, await self.call(GetColony(colonyname=self.colonyname)))

    async def get_colony_stats(self) -> Statistics:
        return decode(Statistics, await self.call(GetColonyStats(colonyname=self.colonyname)))

    async def change_colony_id(self, colonyid: str) -> None:
        await self.call(ChangeColonyId(colonyname=self.colonyname, colonyid=colonyid))

    # Users

    async def add_user(self, name: str, userid: str, *, email: str = "", phone: str = "") -> User:
        user = User(colonyname=self.colonyname, userid=userid, name=name, email=email, phone=phone)
        return decode(User, await self.call(AddUser(user=user)))

    async def get_users(self) -> list[User]:
        return self.many(User, await self.call(GetUsers(colonyname=self.colonyname)))

    async def get_user(self, name: str) -> User:
        return decode(User, await self.call(GetUser(colonyname=self.colonyname, name=name)))

    async def get_user_by_id(self, userid: str) -> User:
        return decode(User, await self.call(GetUserById(colonyname=self.colonyname, userid=userid)))

    async def remove_user(self, name: str) -> None:
        await self.call(RemoveUser(colonyname=self.colonyname, name=name))

    async def change_user_id(self, userid: str) -> None:
        await self.call(ChangeUserId(colonyname=self.colonyname, userid=userid))

    # Executors

    async def add_executor(
        self,
        name: str,
        executorid: str,
        executortype: str,
        *,
        location: str = "",
        capabilities: Capabilities | None = None,
        requirefuncreg: bool = False,
    ) -> Executor:
        """Register, as the colony's owner; it waits for `approve_executor` then."""
        executor = Executor(
            colonyname=self.colonyname,
            executorid=executorid,
            executorname=name,
            executortype=executortype,
            locationname=location,
            capabilities=capabilities or Capabilities(),
            requirefuncreg=requirefuncreg,
        )
        return decode(Executor, await self.call(AddExecutor(executor=executor)))

    async def enrol(
        self, token: str, name: str, *, location: str = "", capabilities: Capabilities | None = None
    ) -> Executor:
        """Register oneself, with a token of the colony's owner. Saying it again changes nothing."""
        message = Enrol(
            colonyname=self.colonyname,
            token=token,
            executorname=name,
            locationname=location,
            capabilities=capabilities or Capabilities(),
        )
        return decode(Executor, await self.call(message))

    async def get_enrolments(self) -> list[Enrolment]:
        """Tokens that were used or revoked, as the colony's owner."""
        return self.many(Enrolment, await self.call(GetEnrolments(colonyname=self.colonyname)))

    async def revoke_enrolment(self, tokenid: str) -> None:
        await self.call(RevokeEnrolment(colonyname=self.colonyname, tokenid=tokenid))

    async def approve_executor(self, name: str) -> None:
        await self.call(ApproveExecutor(colonyname=self.colonyname, executorname=name))

    async def reject_executor(self, name: str) -> None:
        await self.call(RejectExecutor(colonyname=self.colonyname, executorname=name))

    async def remove_executor(self, name: str) -> None:
        await self.call(RemoveExecutor(colonyname=self.colonyname, executorname=name))

    async def get_executors(self) -> list[Executor]:
        return self.many(Executor, await self.call(GetExecutors(colonyname=self.colonyname)))

    async def get_executor(self, name: str) -> Executor:
        return decode(Executor, await self.call(GetExecutor(colonyname=self.colonyname, executorname=name)))

    async def get_executor_by_id(self, executorid: str) -> Executor:
        message = GetExecutorById(colonyname=self.colonyname, executorid=executorid)
        return decode(Executor, await self.call(message))

    async def report_allocation(self, executorname: str, allocations: Allocations) -> None:
        message = ReportAllocation(colonyname=self.colonyname, executorname=executorname, allocations=allocations)
        await self.call(message)

    async def update_executor(self, executorname: str, capabilities: Capabilities) -> None:
        message = UpdateExecutor(colonyname=self.colonyname, executorname=executorname, capabilities=capabilities)
        await self.call(message)

    async def change_executor_id(self, executorid: str) -> None:
        await self.call(ChangeExecutorId(colonyname=self.colonyname, executorid=executorid))

    # Functions

    async def add_function(
        self, executorname: str, funcname: str, *, description: str = "", args: tuple[FunctionArg, ...] = ()
    ) -> Function:
        function = Function(
            colonyname=self.colonyname,
            executorname=executorname,
            funcname=funcname,
            description=description,
            args=args,
        )
        return decode(Function, await self.call(AddFunction(fun=function)))

    async def get_functions(self, executorname: str = "") -> list[Function]:
        """Of one executor, or of the whole colony."""
        message = GetFunctions(colonyname=self.colonyname, executorname=executorname)
        return self.many(Function, await self.call(message))

    async def remove_function(self, functionid: str) -> None:
        await self.call(RemoveFunction(functionid=functionid))
