namespace Reports.BuildingBlocks;

/// <summary>Local days as instants, on days too whose midnight does not exist or comes twice.</summary>
public static class LocalDays
{
    /// <summary>The first instant of a local day.</summary>
    /// <param name="day">The day.</param>
    /// <param name="zone">The zone in which it is a day.</param>
    /// <returns>The instant, with the offset that holds in the zone at it.</returns>
    /// <remarks>
    /// Where clocks skip midnight, the day begins when they start again; where they show it twice, at the first time.
    /// </remarks>
    public static DateTimeOffset Start(DateOnly day, TimeZoneInfo zone)
    {
        ArgumentNullException.ThrowIfNull(zone);
        var midnight = day.ToDateTime(TimeOnly.MinValue);
        while (zone.IsInvalidTime(midnight))
        {
            midnight = midnight.AddMinutes(1);
        }

        var offset = zone.IsAmbiguousTime(midnight)
            ? zone.GetAmbiguousTimeOffsets(midnight).Max()
            : zone.GetUtcOffset(midnight);
        return new DateTimeOffset(midnight, offset);
    }
}

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
