using System.Text.Json;
using Marten;
using Marten.Exceptions;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.Access;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Host;
using Reports.Host.Commands;
using Reports.Lifecycle;
using Reports.Lifecycle.Schedules;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

public sealed class StoreTests(ReportsApp app)
{
    [Fact]
    public async Task every_event_type_comes_back_from_the_store_as_it_went_in()
    {
        var tenant = Guid.CreateVersion7();
        var store = app.Services.GetRequiredService<IDocumentStore>();
        foreach (var (name, given) in EventExamples.All(tenant))
        {
            // Its number can be that of a report of another test.
            var example = given is ReportFinished finished
                ? finished with { Report = finished.Report with { Number = TestMerchant.NextNumber() } }
                : given;
            var stream = Guid.CreateVersion7();
            await using var session = store.LightweightSession(tenant.ToString());
            session.Events.StartStream<object>(stream, example);
            await session.SaveChangesAsync();

            await using var reading = store.QuerySession(tenant.ToString());
            var stored = (await reading.Events.FetchStreamAsync(stream)).Single();

            stored.EventTypeName.ShouldBe(name);
            stored.TenantId.ShouldBe(tenant.ToString());
            Json(stored.Data).ShouldBe(Json(example));
        }
    }

    [Fact]
    public async Task a_stream_folded_by_the_store_is_the_stream_folded_in_memory()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync();

        await using var session = app.Services.GetRequiredService<IDocumentStore>().QuerySession(merchant.Id.ToString());
        var folded = await session.Events.AggregateStreamAsync<Report>(given.Id);

        var inMemory = (await merchant.EventsAsync(given.Id)).Aggregate((Report?)null, Report.Fold);
        Json(folded!).ShouldBe(Json(inMemory!));
        folded!.Status.ShouldBe(ReportStatus.Finished);
    }

    [Fact]
    public async Task a_schedule_folded_by_the_store_is_what_the_table_has()
    {
        var merchant = await app.MerchantAsync();
        await ScheduleAsync(app, merchant);
        await using var session = app.Services.GetRequiredService<IDocumentStore>().QuerySession(merchant.Id.ToString());

        var stored = (await app.Services.GetRequiredService<ScheduleStore>().ListAsync(merchant.Id, default)).Single();

        var folded = await session.Events.AggregateStreamAsync<Schedule>(stored.Schedule.Id);
        Json(folded!).ShouldBe(Json(stored.Schedule));
        (await session.Events.FetchStreamStateAsync(folded!.Id))!.Version.ShouldBe(stored.Version);
    }

    // The event store would have another event take the number, after the ledger has passed it.
    [Fact]
    public async Task of_an_append_that_fails_nothing_is_left_but_a_gap()
    {
        var tenant = Guid.CreateVersion7();
        var store = app.Services.GetRequiredService<IDocumentStore>();
        await using var session = store.LightweightSession(tenant.ToString());
        session.Events.StartStream<object>(Guid.CreateVersion7(), EventExamples.All(tenant).First().Value);
        session.QueueSqlCommand("select 1/0");
        await Should.ThrowAsync<MartenCommandException>(session.SaveChangesAsync());

        // What the event store writes in its stead, it writes in one transaction.
        await Eventually.IsTrueAsync(
            () => ExistsAsync("select exists (select from events.mt_streams where tenant_id = $1)"), "the failure to be dealt with");
        (await ExistsAsync("select exists (select from events.mt_events where tenant_id = $1)")).ShouldBeFalse();

        async Task<bool> ExistsAsync(string sql)
        {
            await using var command = app.Database.CreateCommand(sql);
            command.Parameters.AddWithValue(tenant.ToString());
            return await command.ExecuteScalarAsync() is true;
        }
    }

    [Theory]
    [InlineData("finished_reports", "reports.finished_reports", "reports.finished_report_days", "reports.expired_reports")]
    [InlineData("report_requests", "reports.report_requests", "reports.lifecycle_merchants")]
    [InlineData("access", "reports.access_credentials", "reports.access_merchants")]
    [InlineData("quota_overrides", "reports.quota_overrides")]
    [InlineData("schedules", "reports.schedules")]
    public async Task a_rebuilt_projection_is_what_it_was_before(string projection, params string[] tables)
    {
        // A store of its own: a rebuild empties the tables, and other tests are reading theirs.
        await using var other = new ReportsApp();
        await other.InitializeAsync();
        var merchant = await other.MerchantAsync("Asia/Kuwait");
        var (user, _) = await merchant.UserAsync(["report.can_view_report", "report.can_view_audit"]);
        await ChangeAccessAsync(other, merchant, user);
        await merchant.FinishedAsync("a", createdAt: DateTimeOffset.UtcNow.AddDays(-1));
        await merchant.FinishedAsync("b", interval: ReportInterval.Monthly);
        await merchant.ExpireAsync((await merchant.FinishedAsync("c")).Id);
        await merchant.ChangeQuotasAsync(requestsPerDay: 7, downloadsPerHour: null);
        await merchant.ChangeQuotasAsync(requestsPerDay: null, downloadsPerHour: 100);
        await ScheduleAsync(other, merchant);
        var before = await ContentAsync(other, tables);
        before.ShouldNotBeEmpty();

        await using var owner = ReportsHost.Build(other.MigratingBuilder());
        using var daemon = await owner.Services.GetRequiredService<IDocumentStore>().BuildProjectionDaemonAsync();
        await daemon.RebuildProjectionAsync(projection, CancellationToken.None);

        (await ContentAsync(other, tables)).ShouldBe(before);
    }

    [Fact]
    public async Task the_schema_in_the_database_is_the_one_in_the_code()
    {
        await using var other = new ReportsApp();
        await other.InitializeAsync();

        // As its owner: nobody else sees all of it.
        await using var owner = ReportsHost.Build(other.MigratingBuilder());
        await owner.Services.GetRequiredService<IDocumentStore>().Storage.Database.AssertDatabaseMatchesConfigurationAsync();
    }

    [Fact]
    public async Task a_change_of_the_schema_may_take_longer_than_a_request()
    {
        await using var changing = ReportsHost.Build(app.MigratingBuilder());

        CommandTimeout(changing.Services).ShouldBe(3600);
        CommandTimeout(app.Services).ShouldBe(10);
    }

    private static int CommandTimeout(IServiceProvider services) => new NpgsqlConnectionStringBuilder(
        services.GetRequiredService<NpgsqlDataSource>().ConnectionString).CommandTimeout;

    private static async Task ChangeAccessAsync(ReportsApp app, TestMerchant merchant, string user)
    {
        var (id, gone) = (merchant.Key.Split('_')[2], await app.MerchantAsync());
        var current = await app.Services.SendAsync(null, new RotateApiKey.Command(id, TimeSpan.FromHours(1)), default);
        await app.Services.SendAsync(null, new RevokeApiKey.Command(id), default);
        await app.Services.SendAsync(null, new RotateApiKey.Command(current.KeyId, TimeSpan.Zero), default);
        await app.Services.SendAsync(null, new RevokePermission.Command(user, "report.can_view_audit"), default);
        await app.Services.SendAsync(null, new ChangePassword.Command(user, "another long password"), default);
        await app.Services.SendAsync(null, new DisableUser.Command(user), default);
        await app.Services.SendAsync(
            merchant.Id, new ChangeMerchant.Command("Shop", "Asia/Riyadh", 30, new(1000), new(7)), default);
        await app.Services.SendAsync(gone.Id, new DisableMerchant.Command(), default);
    }

    // A schedule that has come as far as a period to come, which nothing can move on.
    private static async Task ScheduleAsync(ReportsApp app, TestMerchant merchant)
    {
        var (now, by) = (new MicrosecondClock().GetUtcNow(), Actor.Operator);
        var definition = new ScheduleDefinition(
            new ScheduleRule(ReportInterval.Daily, new(6, 0), "UTC"), ReportFormat.Csv, new(Columns: ["type"]), "daily");
        await using var session = app.Services.GetRequiredService<IDocumentStore>().LightweightSession(merchant.Id.ToString());
        foreach (var isDeleted in new[] { true, false })
        {
            var id = Guid.CreateVersion7();
            session.Events.StartStream<Schedule>(
                id,
                new ScheduleCreated(id, merchant.Id, definition, by, now),
                new SchedulePaused(id, by, now),
                new ScheduleChanged(id, definition with { FilePrefix = "changed" }, by, now),
                isDeleted ? new ScheduleDeleted(id, by, now) : new ScheduleResumed(id, by, now));
            var report = Guid.CreateVersion7();
            session.Events.StartStream<Report>(report, new ReportRequested(
                report,
                merchant.Id,
                new ReportDescription(
                    TestMerchant.NextNumber(), "d.csv", ReportInterval.Daily, ReportSource.Auto, ReportFormat.Csv, new(),
                    new ReportPeriod(now.AddDays(6), now.AddDays(7), "UTC"), now),
                by,
                id));
        }

        await session.SaveChangesAsync();
    }

    private static async Task<List<string>> ContentAsync(ReportsApp app, string[] tables)
    {
        var rows = new List<string>();
        foreach (var table in tables)
        {
            await using var command = app.Database.CreateCommand($"select (to_jsonb(t) - 'finished_xid' - 'expired_xid' - 'look_at')::text from {table} t order by 1");
            await using var row = await command.ExecuteReaderAsync();
            while (await row.ReadAsync())
            {
                rows.Add(row.GetString(0));
            }
        }

        return rows;
    }

    private static string Json(object value) => JsonSerializer.Serialize(value, value.GetType(), ContractJson.Options);
}
