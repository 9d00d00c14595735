namespace Reports.Contracts.Events;

/// <summary>Auto reports were asked for. First event of a Schedule stream.</summary>
/// <param name="ScheduleId">The stream.</param>
/// <param name="MerchantId">Whose reports they are.</param>
/// <param name="Definition">What is asked for. The first period to end after <paramref name="CreatedAt"/> is the first.</param>
/// <param name="By">Who asked.</param>
/// <param name="CreatedAt">When.</param>
[EventName("schedule.created.v1")]
public sealed record ScheduleCreated(
    Guid ScheduleId, Guid MerchantId, ScheduleDefinition Definition, Actor By, DateTimeOffset CreatedAt);

/// <summary>A schedule asks for something else from now on.</summary>
/// <param name="ScheduleId">The stream.</param>
/// <param name="Definition">What is asked for, whole.</param>
/// <param name="By">Who changed it.</param>
/// <param name="ChangedAt">When.</param>
[EventName("schedule.changed.v1")]
public sealed record ScheduleChanged(
    Guid ScheduleId, ScheduleDefinition Definition, Actor By, DateTimeOffset ChangedAt);

/// <summary>A schedule asks for nothing until it is resumed.</summary>
/// <param name="ScheduleId">The stream.</param>
/// <param name="By">Who paused it.</param>
/// <param name="PausedAt">When.</param>
[EventName("schedule.paused.v1")]
public sealed record SchedulePaused(Guid ScheduleId, Actor By, DateTimeOffset PausedAt);

/// <summary>A schedule asks again. What it did not ask for while it was paused it does not make up for.</summary>
/// <param name="ScheduleId">The stream.</param>
/// <param name="By">Who resumed it.</param>
/// <param name="ResumedAt">When.</param>
[EventName("schedule.resumed.v1")]
public sealed record ScheduleResumed(Guid ScheduleId, Actor By, DateTimeOffset ResumedAt);

/// <summary>A schedule asks for nothing any more. Last event of the stream; its reports stay.</summary>
/// <param name="ScheduleId">The stream.</param>
/// <param name="By">Who deleted it.</param>
/// <param name="DeletedAt">When.</param>
[EventName("schedule.deleted.v1")]
public sealed record ScheduleDeleted(Guid ScheduleId, Actor By, DateTimeOffset DeletedAt);
