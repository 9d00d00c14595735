using System.Diagnostics;
using System.IO.Pipelines;
using Npgsql;
using Reports.Access;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Generator;
using Reports.Host.Commands;
using Reports.Host.Roads;
using Reports.Lifecycle;
using Spectre.Console;

namespace Reports.Host;

/// <summary>
/// Three merchants with keys, users, transactions and finished reports, to try the service with. Each step is skipped
/// where its result is there already, so a second run, or one after a kill, goes on from where the first ended.
/// </summary>
internal static class Demo
{
    private const string Complete = "REPORTS_DEMO_COMPLETE";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static async Task RunAsync(WebApplication app, string url, string envFile, CancellationToken cancellation)
    {
        var services = app.Services;
        var env = DemoEnvironment.Read(envFile);
        env["REPORTS_URL"] = url;
        if (app.Configuration["Reports:Demo:DatabaseUrl"] is { } database)
        {
            env["REPORTS_DATABASE_URL"] = database;
            await LetGeneratorsInAsync(services.GetRequiredService<Settings>().Logins, env, database, cancellation);
        }

        var merchants = new List<SampleMerchant>();
        foreach (var (sample, index) in SampleTransactions.DefaultMerchants.Select((m, i) => (m, i)))
        {
            var name = index == 0 ? "REPORTS_MERCHANT" : $"REPORTS_MERCHANT_{index + 1}";
            if (!env.TryGetValue(name, out var id))
            {
                var command = new RegisterMerchant.Command(sample.Name, sample.TimeZone);
                id = env[name] = (await services.SendAsync(null, command, cancellation)).ToString();
            }

            merchants.Add(sample with { Id = Guid.Parse(id) });
        }

        DemoEnvironment.Write(envFile, env);
        await IssueCredentialsAsync(services, env, envFile, merchants, cancellation);
        if (!env.ContainsKey(Complete))
        {
            await AnsiConsole.Progress()
                .Columns(
                    new TaskDescriptionColumn(),
                    new ProgressBarColumn(),
                    new PercentageColumn(),
                    new ElapsedTimeColumn())
                .StartAsync(async progress =>
                {
                    await ImportAsync(services, merchants, progress, cancellation);
                    await RequestAsync(services, merchants, progress, cancellation);
                });
            env[Complete] = "yes";
            DemoEnvironment.Write(envFile, env);
        }

        DemoEnvironment.Print(env, envFile);
    }

    // A login for generators outside, on the private cluster only. Its port may be another at each start, so the address
    // is made anew; the password is kept.
    private static async Task LetGeneratorsInAsync(
        DatabaseLogins logins, SortedDictionary<string, string> env, string owner, CancellationToken cancellation)
    {
        const string Name = "REPORTS_GENERATOR_DATABASE_URL";
        const string Login = "reports_demo_generator";
        var password = env.TryGetValue(Name, out var known) ? new UriBuilder(known).Password : Passwords.Generate();
        await using var database = NpgsqlDataSource.Create(logins.Migrator);
        await using var command = database.CreateCommand(
            $"""
            do $$ begin
                if not exists (select from pg_roles where rolname = '{Login}') then
                    create role {Login} login in role {IngressSchema.Role};
                end if;
                alter role {Login} password '{password}';
            end $$
            """);
        await command.ExecuteNonQueryAsync(cancellation);
        env[Name] = new UriBuilder(owner) { UserName = Login, Password = password }.Uri.ToString();
    }

    private static async Task IssueCredentialsAsync(
        IServiceProvider services,
        SortedDictionary<string, string> env,
        string envFile,
        List<SampleMerchant> merchants,
        CancellationToken cancellation)
    {
        async Task KeyAsync(string name, Guid? merchant, bool isAuditor)
        {
            if (!env.ContainsKey(name))
            {
                var command = new IssueApiKey.Command(isAuditor, IsLive: false);
                env[name] = (await services.SendAsync(merchant, command, cancellation)).Key;
                DemoEnvironment.Write(envFile, env);
            }
        }

        async Task UserAsync(string name, string password, string userName, string[] permissions, bool isSuperuser)
        {
            if (!env.ContainsKey(password))
            {
                var chosen = Passwords.Generate();
                Task RegisterAsync(string user) => services.SendAsync(
                    merchants[0].Id, new RegisterUser.Command(user, chosen, permissions, isSuperuser), cancellation);
                try
                {
                    await RegisterAsync(userName);
                }
                catch (ProblemException)
                {
                    // An earlier demo on this database has the name, and its file of keys is gone.
                    userName += $"-{merchants[0].Id:N}";
                    await RegisterAsync(userName);
                }

                (env[name], env[password]) = (userName, chosen);
                DemoEnvironment.Write(envFile, env);
            }
        }

        await KeyAsync("REPORTS_API_KEY", merchants[0].Id, isAuditor: false);
        await KeyAsync("REPORTS_API_KEY_2", merchants[1].Id, isAuditor: false);
        await KeyAsync("REPORTS_API_KEY_3", merchants[2].Id, isAuditor: false);
        await KeyAsync("REPORTS_AUDITOR_KEY", null, isAuditor: true);
        await UserAsync("REPORTS_USER", "REPORTS_PASSWORD", "finance", [Permissions.ViewReport], isSuperuser: false);
        await UserAsync("REPORTS_USER_WITHOUT", "REPORTS_PASSWORD_WITHOUT", "guest", [], isSuperuser: false);
        await UserAsync("REPORTS_SUPERUSER", "REPORTS_SUPERUSER_PASSWORD", "owner", [], isSuperuser: true);
    }

    private static async Task ImportAsync(
        IServiceProvider services,
        List<SampleMerchant> merchants,
        ProgressContext progress,
        CancellationToken cancellation)
    {
        var database = services.GetRequiredService<TransactionDatabase>();
        if (await database.HasTransactionsAsync(merchants[0].Id, cancellation))
        {
            return;
        }

        var task = progress.AddTask("Importing sample transactions", maxValue: SampleTransactions.DefaultCount);
        var today = DateOnly.FromDateTime(services.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime);
        var pipe = new Pipe();
        var writing = Task.Run(
            async () =>
            {
                await using var stream = pipe.Writer.AsStream();
                await SampleTransactions.WriteAsync(stream, merchants, today.AddDays(1), cancellation: cancellation);
            },
            cancellation);
        await using var reading = pipe.Reader.AsStream();
        var result = await services.GetRequiredService<TransactionImport>().ImportAsync(
            reading, new Progress<ImportProgress>(p => task.Value = p.RowsRead), cancellation);
        await writing;
        task.Value = result.Succeeded
            ? task.MaxValue
            : throw new InvalidOperationException($"The sample transactions are wrong: {result.Errors[0]}");
    }

    private static async Task RequestAsync(
        IServiceProvider services,
        List<SampleMerchant> merchants,
        ProgressContext progress,
        CancellationToken cancellation)
    {
        var database = services.GetRequiredService<NpgsqlDataSource>();
        var there = await RequestedAsync(database, merchants, cancellation);
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();

        // They are asked for in one order always, so that the rest is known after a kill.
        var missing = merchants
            .SelectMany(m => Wanted(m, now).Select(wanted => (Merchant: m.Id, Wanted: wanted)))
            .Skip((int)there.Total)
            .ToList();
        foreach (var (merchant, wanted) in missing)
        {
            await services.SendAsync(merchant, wanted, cancellation);
        }

        var all = there.Total + missing.Count;
        var task = progress.AddTask("Generating reports", maxValue: all);
        var lastChange = Stopwatch.GetTimestamp();
        while (!task.IsFinished && Stopwatch.GetElapsedTime(lastChange) < Patience)
        {
            there = await RequestedAsync(database, merchants, cancellation);
            lastChange = there.Ended > task.Value ? Stopwatch.GetTimestamp() : lastChange;
            task.Value = there.Ended;
            if (there.Ended < all)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancellation);
            }
        }

        if (!task.IsFinished)
        {
            AnsiConsole.WriteLine($"{all - there.Ended} reports are still on their way; the log says what keeps them.");
        }
    }

    private static async Task<(long Total, long Ended)> RequestedAsync(
        NpgsqlDataSource database, List<SampleMerchant> merchants, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select count(*), count(*) filter (where status in ('finished', 'failed'))
            from reports.report_requests where merchant_id = any($1)
            """);
        command.Parameters.AddWithValue(merchants.Select(m => m.Id).ToArray());
        await using var row = await command.ExecuteReaderAsync(cancellation);
        await row.ReadAsync(cancellation);
        return (row.GetInt64(0), row.GetInt64(1));
    }

    // What schedules would have made by now, and two reports that somebody asked for.
    private static IEnumerable<RequestReport.Command> Wanted(SampleMerchant merchant, DateTimeOffset now)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(merchant.TimeZone);
        var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(now, zone).DateTime);
        var monday = today.AddDays(-(((int)today.DayOfWeek + 6) % 7));
        var month = new DateOnly(today.Year, today.Month, 1);
        RequestReport.Command Auto(ReportInterval interval, ReportFormat format, DateOnly day) =>
            new(interval, ReportSource.Auto, format, day);

        yield return Auto(ReportInterval.Yearly, ReportFormat.Csv, month.AddYears(-1));
        for (var i = 6; i >= 1; i--)
        {
            yield return Auto(ReportInterval.Monthly, ReportFormat.Xlsx, month.AddMonths(-i));
        }

        for (var i = 4; i >= 1; i--)
        {
            yield return Auto(ReportInterval.Weekly, ReportFormat.Csv, monday.AddDays(-7 * i));
        }

        for (var i = 14; i >= 1; i--)
        {
            yield return Auto(ReportInterval.Daily, ReportFormat.Csv, today.AddDays(-i));
        }

        yield return new(
            ReportInterval.Custom, ReportSource.Manual, ReportFormat.Xlsx, today.AddDays(-45), today.AddDays(-16),
            Layout: new ReportLayout(RightToLeft: true));
        yield return new(
            ReportInterval.Custom, ReportSource.Manual, ReportFormat.Csv, today.AddDays(-90), today.AddDays(-1),
            Layout: new ReportLayout(ByteOrderMark: true));
    }
}
