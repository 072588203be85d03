"""Slurm's one-word reasons and end states → sentences for people who do not run the cluster."""

from __future__ import annotations

from service_management.cluster.states import bare_state

PENDING: dict[str, str] = {
    "AccountNotAllowed": "the account may not use this partition",
    "AccountingPolicy": "an accounting limit is reached",
    "AssocGrpBB": "the group's share of the burst buffer is used up",
    "AssocGrpBilling": "the group's billing limit is reached",
    "AssocGrpBillingMinutes": "the group's billing minutes are used up",
    "AssocGrpCPUMinutesLimit": "the group's CPU minutes are used up",
    "AssocGrpCPURunMinutesLimit": "the group's running jobs have taken all its CPU minutes",
    "AssocGrpCpuLimit": "the group's CPUs are all in use",
    "AssocGrpGRES": "the group's GPUs are all in use",
    "AssocGrpGRESMinutes": "the group's GPU minutes are used up",
    "AssocGrpGRESRunMinutes": "the group's running jobs have taken all its GPU minutes",
    "AssocGrpJobsLimit": "the group has as many jobs running as it may",
    "AssocGrpMemLimit": "the group's memory is all in use",
    "AssocGrpNodeLimit": "the group's nodes are all in use",
    "AssocGrpSubmitJobsLimit": "the group has as many jobs queued as it may",
    "AssocGrpWallLimit": "the group's walltime is used up",
    "AssocMaxCpuPerJobLimit": "the job asks for more CPUs than the account may use",
    "AssocMaxCpuMinutesPerJobLimit": "the job asks for more CPU minutes than the account may use",
    "AssocMaxGRESPerJob": "the job asks for more GPUs than the account may use",
    "AssocMaxJobsLimit": "the account has as many jobs running as it may",
    "AssocMaxMemPerJob": "the job asks for more memory than the account may use",
    "AssocMaxNodePerJobLimit": "the job asks for more nodes than the account may use",
    "AssocMaxSubmitJobLimit": "the account has as many jobs queued as it may",
    "AssocMaxWallDurationPerJobLimit": "the job asks for more time than the account may use",
    "AssociationJobLimit": "the account has as many jobs as it may",
    "AssociationResourceLimit": "a resource limit of the account is reached",
    "AssociationTimeLimit": "the account's time is used up",
    "BadConstraints": "no node has what the job asks for",
    "BeginTime": "its start time has not come yet",
    "BurstBufferOperation": "an operation on the burst buffer failed",
    "BurstBufferResources": "waiting for room in the burst buffer",
    "BurstBufferStageIn": "its data is being staged in",
    "Cleaning": "it was put back into the queue and is still being cleaned up",
    "Constraints": "no free node has the features it asks for",
    "DeadLine": "it could no longer meet its deadline",
    "Dependency": "waiting for another job to finish",
    "DependencyNeverSatisfied": "the job it depends on can never satisfy it",
    "FedJobLock": "waiting for the other clusters of the federation to agree",
    "FrontEndDown": "the node that would start it is down",
    "HeldByBadConstraints": "it is held: no node has what it asks for",
    "InactiveLimit": "the cluster's inactivity limit was reached",
    "InvalidAccount": "the account is not valid",
    "InvalidQOS": "the quality of service (QOS) is not valid",
    "JobArrayTaskLimit": "as many of its array run as may run at once",
    "JobHeldAdmin": "an administrator holds it back",
    "JobHeldUser": "its owner holds it back",
    "JobHoldMaxRequeue": "it was put back into the queue too often and is held",
    "JobLaunchFailure": "it could not be launched",
    "Licenses": "waiting for a licence",
    "MaxBBPerAccount": "the account's share of the burst buffer is used up",
    "MaxGRESPerAccount": "the account's GPUs are all in use",
    "MaxJobsPerAccount": "the account has as many jobs running as it may",
    "MaxMemPerAccount": "the account's memory is all in use",
    "MaxMemPerLimit": "the job asks for more memory per CPU than it may",
    "MaxSubmitJobsPerAccount": "the account has as many jobs queued as it may",
    "NodeDown": "a node it needs is down",
    "NonZeroExitCode": "it ended with an error",
    "None": "not looked at by the scheduler yet",
    "NotSpecified": "not looked at by the scheduler yet",
    "OutOfMemory": "it used more memory than it had asked for",
    "PartitionConfig": "it asks for more than its partition allows",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition is inactive",
    "PartitionNodeLimit": "it asks for more nodes than its partition has or allows",
    "PartitionTimeLimit": "it asks for more time than its partition allows",
    "Priority": "other jobs are ahead of it in the queue",
    "Prolog": "the node is being prepared for it",
    "QOSGrpCPUMinutesLimit": "the CPU minutes of its quality of service (QOS) are used up",
    "QOSGrpCpuLimit": "the CPUs of its quality of service (QOS) are all in use",
    "QOSGrpGRES": "the GPUs of its quality of service (QOS) are all in use",
    "QOSGrpJobsLimit": "its quality of service (QOS) has as many jobs running as it may",
    "QOSGrpMemLimit": "the memory of its quality of service (QOS) is all in use",
    "QOSGrpNodeLimit": "the nodes of its quality of service (QOS) are all in use",
    "QOSGrpSubmitJobsLimit": "its quality of service (QOS) has as many jobs queued as it may",
    "QOSGrpWallLimit": "the walltime of its quality of service (QOS) is used up",
    "QOSJobLimit": "its quality of service (QOS) has as many jobs as it may",
    "QOSMaxCpuPerJobLimit": "it asks for more CPUs than its quality of service (QOS) allows",
    "QOSMaxCpuPerUserLimit": "the user's CPUs in this quality of service (QOS) are all in use",
    "QOSMaxGRESPerJob": "it asks for more GPUs than its quality of service (QOS) allows",
    "QOSMaxGRESPerUser": "the user's GPUs in this quality of service (QOS) are all in use",
    "QOSMaxJobsPerUserLimit": "the user has as many jobs in this quality of service as allowed",
    "QOSMaxMemoryPerJob": "it asks for more memory than its quality of service (QOS) allows",
    "QOSMaxMemoryPerUser": "the user's memory in this quality of service (QOS) is all in use",
    "QOSMaxNodePerJobLimit": "it asks for more nodes than its quality of service (QOS) allows",
    "QOSMaxNodePerUserLimit": "the user's nodes in this quality of service (QOS) are all in use",
    "QOSMaxSubmitJobPerUserLimit": "the user has as many jobs queued as this QOS allows",
    "QOSMaxWallDurationPerJobLimit": "it asks for more time than its QOS allows",
    "QOSMinCpuNotSatisfied": "it asks for fewer CPUs than its quality of service (QOS) demands",
    "QOSMinGRES": "it asks for fewer GPUs than its quality of service (QOS) demands",
    "QOSMinMemory": "it asks for less memory than its quality of service (QOS) demands",
    "QOSNotAllowed": "its partition does not allow its quality of service (QOS)",
    "QOSResourceLimit": "a resource limit of its quality of service (QOS) is reached",
    "QOSTimeLimit": "the time of its quality of service (QOS) is used up",
    "QOSUsageThreshold": "the usage threshold of its quality of service (QOS) is reached",
    "RaisedSignal": "it was ended by a signal",
    "ReqNodeNotAvail": "a node it asks for is down, drained or reserved",
    "Reservation": "waiting for its reservation to begin",
    "ReservationDeleted": "its reservation was deleted",
    "Resources": "waiting for free resources: everything it could use is taken",
    "SchedDefer": "the scheduler starts jobs in rounds; the next one is not far",
    "SystemFailure": "the cluster failed it",
    "TimeLimit": "it ran out of its time limit",
    "WaitingForScheduling": "not looked at by the scheduler yet",
}

# Reasons that Slurm writes as whole clauses.
_CLAUSES: tuple[tuple[str, str], ...] = (
    ("Nodes required for job are DOWN", "the nodes it needs are down, drained or reserved"),
    ("launch failed requeued held", "it could not be launched, was put back and is held"),
    ("job requeued in held state", "it was put back into the queue and is held"),
    ("ReqNodeNotAvail", PENDING["ReqNodeNotAvail"]),
)

ENDED: dict[str, str] = {
    "BOOT_FAIL": "the node failed to boot",
    "CANCELLED": "the job was cancelled",
    "COMPLETED": "the job's script came to its end",
    "DEADLINE": "the job could not meet its deadline",
    "FAILED": "the job failed",
    "LAUNCH_FAILED": "the job could not be launched",
    "NODE_FAIL": "the job's node failed",
    "OUT_OF_MEMORY": "the job used more memory than it had asked for",
    "PREEMPTED": "the job gave way to one of higher priority",
    "RECONFIG_FAIL": "the job's node could not be reconfigured",
    "REVOKED": "the job was started on another cluster of the federation",
    "TIMEOUT": "the job ran out of its time limit (--time)",
    "UNKNOWN": "the job is over, and Slurm no longer knows why",
}


def explain_pending(reason: str) -> str:
    """Slurm's word itself where this table does not have it."""
    for beginning, sentence in _CLAUSES:
        if reason.startswith(beginning):
            return sentence
    return PENDING.get(reason.removesuffix("*"), reason)


def explain_end(state: str, exit_code: int | None = None, signal: int | None = None) -> str:
    sentence = ENDED.get(bare_state(state), state)
    if signal:
        return f"{sentence} (signal {signal})"
    return f"{sentence} (exit code {exit_code})" if exit_code else sentence
