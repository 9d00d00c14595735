using System.Globalization;
using Npgsql;
using Reports.BuildingBlocks;
using Weasel.Core;
using Weasel.Postgresql.Tables;

namespace Reports.Audit;

/// <summary>
/// How many requests to the audit a principal may send in an hour, counted in the database and therefore exactly, on
/// however many nodes. The hour begins with a principal's first request; there is one row for each, however many come.
/// </summary>
internal sealed class AuditQuota(NpgsqlDataSource database, AuditOptions options)
{
    public const string Policy = "audit-reads";

    private static readonly TimeSpan Window = TimeSpan.FromHours(1);

    // The update locks the row and looks at it again, so that no two requests take the same place. What is read for a
    // refusal may be a moment older.
    private const string Take =
        """
        with taken as (
            insert into reports.audit_quota_uses as u (principal_number, began_at, n)
            values ($1, statement_timestamp(), 1)
            on conflict (principal_number) do update
            set began_at = case when u.began_at > statement_timestamp() - $3 then u.began_at else excluded.began_at end,
                n = case when u.began_at > statement_timestamp() - $3 then u.n + 1 else 1 end
            where u.n < $2 or u.began_at <= statement_timestamp() - $3
            returning n, began_at)
        select true, n, began_at + $3 - statement_timestamp() from taken
        union all
        select false, $2, began_at + $3 - statement_timestamp() from reports.audit_quota_uses
        where principal_number = $1 and not exists (select from taken)
        """;

    private const string Peek =
        """
        select false, n, began_at + $3 - statement_timestamp() from reports.audit_quota_uses
        where principal_number = $1 and $2 > 0 and began_at > statement_timestamp() - $3
        """;

    public static ISchemaObject Table()
    {
        var table = new Table("reports.audit_quota_uses");
        table.AddColumn("principal_number", "integer").AsPrimaryKey();
        table.AddColumn("began_at", "timestamptz").NotNull();
        table.AddColumn("n", "bigint").NotNull();
        return table;
    }

    /// <summary>The refusal of whoever has nothing left.</summary>
    public static Problem Exceeded(RateLimit left)
    {
        var quota = left.Policy.Quota.ToString(CultureInfo.InvariantCulture);
        return Problem.RateLimited with
        {
            Detail = $"The quota of {quota} requests to the audit an hour is used up; there are more in "
                + $"{left.ResetSeconds} seconds. An operator of the service can raise the quota",
            RetryAfter = (int)left.ResetSeconds,
        };
    }

    /// <summary>Counts a request, if there is one left. Refused requests are not counted.</summary>
    public Task<(bool IsAllowed, RateLimit Left)> TakeAsync(Caller caller, CancellationToken cancellation) =>
        AskAsync(Take, caller, cancellation);

    /// <summary>What is left, without taking any of it.</summary>
    public async Task<RateLimit> PeekAsync(Caller caller, CancellationToken cancellation) =>
        (await AskAsync(Peek, caller, cancellation)).Left;

    private async Task<(bool IsAllowed, RateLimit Left)> AskAsync(
        string sql, Caller caller, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = caller.PrincipalNumber });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = options.ReadsPerHour });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = Window });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var policy = new RateLimitPolicy(Policy, options.ReadsPerHour, Window);
        return await row.ReadAsync(cancellation)
            ? (row.GetBoolean(0),
               new RateLimit(policy, Math.Max(0, policy.Quota - row.GetInt64(1)), row.GetTimeSpan(2)))
            : (false, new RateLimit(policy, policy.Quota, Window));
    }
}
