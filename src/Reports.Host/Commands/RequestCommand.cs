using System.Diagnostics;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Lifecycle;
using Wolverine.Runtime;

namespace Reports.Host.Commands;

/// <summary>Requests a report and follows it to its end.</summary>
internal static class RequestCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(30);

    public static Task<int> RunAsync(Guid merchant, RequestReport.Command request, CancellationToken cancellation) =>
        Instance.RunAsync(async services =>
        {
            // The order leaves through the outbox: this process joins the nodes that carry and answer messages.
            var messaging = (IHostedService)services.GetRequiredService<IWolverineRuntime>();
            await messaging.StartAsync(cancellation);
            try
            {
                var report = await services.SendAsync(merchant, request, cancellation);
                await FollowAsync(services.GetRequiredService<NpgsqlDataSource>(), report, cancellation);
            }
            finally
            {
                await messaging.StopAsync(CancellationToken.None);
            }
        });

    private static async Task FollowAsync(NpgsqlDataSource database, Guid report, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            "select status, report_name, failure_message from reports.report_requests where report_id = $1");
        command.Parameters.AddWithValue(report);
        var (shown, start) = ("", Stopwatch.GetTimestamp());
        while (shown is not ("finished" or "failed"))
        {
            await using (var row = await command.ExecuteReaderAsync(cancellation))
            {
                await row.ReadAsync(cancellation);
                if (row.GetString(0) != shown)
                {
                    shown = row.GetString(0);
                    Console.WriteLine($"{report} {row.GetString(1)}: {shown}");
                }

                if (shown == "failed")
                {
                    throw new ProblemException(Problem.InternalError with { Detail = row.GetString(2) });
                }
            }

            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new ProblemException(Problem.Unavailable with
                {
                    Detail = $"Still {shown} after {Patience.TotalMinutes} minutes. It goes on by itself, unless its "
                        + "message stands in wolverine.wolverine_dead_letters.",
                });
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), cancellation);
        }
    }
}
