using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Delivery;

public sealed class ClockWatchTests
{
    private static readonly DateTimeOffset Database = new(2026, 11, 23, 0, 0, 0, TimeSpan.Zero);

    private readonly ClockWatch _watch = new(new(TimeSpan.FromHours(1), TimeSpan.FromSeconds(15), 1, 1));

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(5, 0, false)]
    [InlineData(5.001, 0, true)]
    [InlineData(-5.001, 0, true)]

    // Asked 5 s before the database's clock said so, and answered 5 s after: nothing is known to be off.
    [InlineData(-5, 10, false)]

    // The database may have read its clock at the very end of the 8 s.
    [InlineData(2, 8, false)]
    [InlineData(5.5, 8, true)]
    [InlineData(-13.5, 8, true)]
    public void only_what_is_beyond_the_round_trip_is_certain(double asked, double roundTrip, bool isOff)
    {
        Compare(asked, roundTrip);

        (_watch.Unrecorded is not null).ShouldBe(isOff);
        _watch.Skew.ShouldBe(TimeSpan.FromSeconds(asked + (roundTrip / 2)));
    }

    [Fact]
    public void it_is_told_once_and_again_only_after_it_was_fine()
    {
        Compare(6, 0);
        Compare(7, 0);
        _watch.Unrecorded.ShouldBe(TimeSpan.FromSeconds(7));
        _watch.Recorded();
        Compare(8, 0);
        Compare(-8, 0);
        _watch.Unrecorded.ShouldBeNull();

        Compare(1, 0);
        Compare(6, 0);
        _watch.Unrecorded.ShouldBe(TimeSpan.FromSeconds(6));
    }

    private void Compare(double asked, double roundTrip) =>
        _watch.Compare(Database.AddSeconds(asked), TimeSpan.FromSeconds(roundTrip), Database);
}
