using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Delivery;

public sealed class OutageWatchTests
{
    private static readonly DeliveryOptions Options = new(TimeSpan.FromHours(1), TimeSpan.FromSeconds(15), 1, 1);

    private readonly TestClock _clock = new();
    private readonly OutageWatch _watch;

    public OutageWatchTests() => _watch = new OutageWatch(Options, _clock);

    [Fact]
    public void an_outage_lasts_from_its_first_failure_until_the_store_takes_something_again()
    {
        var from = _clock.GetUtcNow();
        _watch.Refuse("timeout");
        _clock.Pass(5);
        _watch.Refuse("other");
        _watch.Current.ShouldNotBeNull().Refused.ShouldBe(2);
        _clock.Pass(5);
        var to = _clock.GetUtcNow();
        _watch.Work();
        _clock.Pass(3);
        _watch.Settle(isWhole: true);

        var ended = _watch.Ended.ShouldNotBeNull();
        (ended.Cause, ended.From, ended.To, ended.Refused).ShouldBe(("timeout", from, to, 2));
        _watch.Current.ShouldBeNull();
        _watch.Recorded();
        _watch.Ended.ShouldBeNull();
    }

    [Fact]
    public void it_is_not_over_while_something_waits_or_fails()
    {
        _watch.Refuse("timeout");
        _watch.Settle(isWhole: true);
        _watch.Work();
        _watch.Settle(isWhole: false);
        _watch.Fail("timeout");
        _watch.Settle(isWhole: true);

        _watch.Ended.ShouldBeNull();
        _watch.Current.ShouldNotBeNull();
    }

    [Fact]
    public void a_store_that_comes_and_goes_is_one_outage()
    {
        for (var i = 0; i < 100; i++)
        {
            _watch.Refuse("timeout");
            _watch.Work();
        }

        _watch.Settle(isWhole: true);
        _watch.Ended.ShouldNotBeNull().Refused.ShouldBe(100);
        _watch.Recorded();
        _watch.Ended.ShouldBeNull();
    }

    [Fact]
    public void what_refused_nobody_and_was_shorter_than_a_lease_was_none()
    {
        _watch.Fail("timeout");
        _clock.Pass(14);
        _watch.Current.ShouldBeNull();
        _watch.Work();
        _watch.Settle(isWhole: true);
        _watch.Ended.ShouldBeNull();

        _watch.Fail("timeout");
        _clock.Pass(15);
        _watch.Current.ShouldNotBeNull();
        _watch.Work();
        _watch.Settle(isWhole: true);
        _watch.Ended.ShouldNotBeNull().Refused.ShouldBe(0);
    }

    [Fact]
    public void outages_that_cannot_be_put_on_record_wait_in_their_order()
    {
        foreach (var cause in new[] { "first", "second" })
        {
            _watch.Refuse(cause);
            _watch.Work();
            _watch.Settle(isWhole: true);
        }

        _watch.Ended!.Cause.ShouldBe("first");
        _watch.Recorded();
        _watch.Ended!.Cause.ShouldBe("second");
    }

    [Fact]
    public void a_cause_holds_nothing_of_a_message()
    {
        OutageWatch.Cause(new PostgresException("secret", "FATAL", "FATAL", "57P03")).ShouldBe("sql_state 57P03");
        OutageWatch.Cause(new NpgsqlException("secret", new SocketException((int)SocketError.ConnectionRefused)))
            .ShouldBe("socket ConnectionRefused");
        OutageWatch.Cause(new NpgsqlException("secret", new TimeoutException("secret"))).ShouldBe("timeout");
        OutageWatch.Cause(new NpgsqlException("secret")).ShouldBe("connection");
        OutageWatch.Cause(new InvalidOperationException("secret")).ShouldBe("InvalidOperationException");
    }

    [Fact]
    public void a_file_tells_of_an_outage_whose_node_has_gone()
    {
        var directory = Directory.CreateTempSubdirectory("outages-");
        try
        {
            var journal = new OutageJournal(
                Options with { OutageDirectory = directory.FullName }, TimeProvider.System, NullLogger<OutageJournal>.Instance);
            var now = new DateTimeOffset(2026, 11, 23, 0, 0, 0, TimeSpan.Zero);
            var entry = new JournaledOutage(Guid.CreateVersion7(), new Outage(Guid.CreateVersion7(), "timeout", now, now, 3));
            journal.Write(entry with { Outage = entry.Outage with { Refused = 2 } });
            journal.Write(entry);

            journal.Abandoned(Guid.Empty).ShouldBeEmpty("its node still writes it");
            var file = directory.GetFiles().ShouldHaveSingleItem();
            file.LastWriteTimeUtc = file.LastWriteTimeUtc.AddMinutes(-2);
            File.WriteAllText(Path.Combine(directory.FullName, "torn.outage.json"), "{");
            File.SetLastWriteTimeUtc(Path.Combine(directory.FullName, "torn.outage.json"), file.LastWriteTimeUtc);
            journal.Abandoned(entry.NodeId).ShouldBeEmpty("it is its own");
            journal.Abandoned(Guid.Empty).ShouldBe([entry]);
            journal.Remove(entry.Outage.Id);
            journal.Abandoned(Guid.Empty).ShouldBeEmpty();
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void where_no_file_can_be_written_nothing_else_fails()
    {
        var journal = new OutageJournal(
            Options with { OutageDirectory = "/dev/null/outages" }, TimeProvider.System, NullLogger<OutageJournal>.Instance);

        journal.Write(new JournaledOutage(Guid.Empty, new Outage(Guid.Empty, "", default, default, 0)));
        journal.Remove(Guid.Empty);
        journal.Abandoned(Guid.Empty).ShouldBeEmpty();
    }
}
