namespace Reports.BuildingBlocks;

/// <summary>
/// The system's clock in whole microseconds, the resolution of PostgreSQL: what an event says and what a table says of
/// the same instant are equal.
/// </summary>
public sealed class MicrosecondClock : TimeProvider
{
    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        var now = base.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
    }
}
