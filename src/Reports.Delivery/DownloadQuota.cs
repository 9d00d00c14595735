using System.Collections.Concurrent;
using Npgsql;
using Reports.BuildingBlocks;
using Weasel.Core;
using Weasel.Postgresql.Functions;
using Weasel.Postgresql.Tables;

namespace Reports.Delivery;

/// <summary>What an answer to a download takes from the quota.</summary>
internal enum DownloadCost
{
    /// <summary>Nothing: 304 and 412.</summary>
    Free,

    /// <summary>Nothing, where the request without its conditions asks for no first byte: 416 always.</summary>
    FreeContinuation,

    /// <summary>One: the answer holds the report's first byte.</summary>
    Whole,

    /// <summary>
    /// A range without the first byte: nothing when this report was counted for this principal within the window, else
    /// one.
    /// </summary>
    Continuation,
}

/// <summary>What the quota says to a download.</summary>
/// <param name="IsAllowed">Whether it may be given.</param>
/// <param name="IsCounted">Whether it was counted: then, and only then, it can be refunded.</param>
/// <param name="Left">What is left after it.</param>
internal sealed record QuotaAnswer(bool IsAllowed, bool IsCounted, RateLimit Left);

/// <summary>
/// How many downloads a principal may have in any hour, counted in the database and therefore exactly, on however many
/// nodes (<c>docs/adr/0010-quotas.md</c>). The window slides: a download counts from its decision until an hour later.
/// Those that come at the same time are counted in one transaction.
/// </summary>
internal sealed class DownloadQuota : IAsyncDisposable
{
    public const string Policy = "downloads";

    private const int MostRefunds = 100_000;

    // While one waits for somebody's lock, the other goes on.
    private const int Takers = 2;
    private const int MostTogether = 128;

    // Every node takes the locks of several principals in the same order, or two would wait for each other.
    private const string Take =
        """
        select a.n::integer - 1, t.* from (
            select * from unnest($1::integer[], $2::uuid[], $3::uuid[], $4::uuid[], $5::boolean[], $6::boolean[])
                with ordinality as a (principal, merchant, report, attempt, is_costing, is_continuation, n)
            order by principal, n) a
        cross join lateral reports.take_download(
            a.principal, a.merchant, a.report, a.attempt, a.is_costing, a.is_continuation, $7, $8) t
        """;

    private readonly NpgsqlDataSource _database;
    private readonly DeliveryOptions _options;
    private readonly Groups<Use> _takes;
    private readonly ConcurrentQueue<Guid> _refunds = new();

    public DownloadQuota(ServingDatabase database, DeliveryOptions options)
    {
        (_database, _options) = (database.Recording, options);
        _takes = new Groups<Use>(Takers, MostTogether, uses => AskAsync(uses, CancellationToken.None));
    }

    public static IEnumerable<ISchemaObject> SchemaObjects()
    {
        var uses = new Table("reports.download_quota_uses");
        uses.AddColumn("attempt_id", "uuid").AsPrimaryKey();
        uses.AddColumn("principal_number", "integer").NotNull();
        uses.AddColumn("report_id", "uuid").NotNull();
        uses.AddColumn("counted_at", "timestamptz").NotNull();
        uses.Indexes.Add(new IndexDefinition("download_quota_uses_principal")
        {
            Columns = ["principal_number", "counted_at"],
        });
        yield return uses;
        yield return Function.ForSql(Definition);
    }

    /// <summary>
    /// Counts a download, if it costs anything and there is enough left. A refusal is no matter of cost: what is
    /// free is refused where the request without its conditions would be (RFC 9110 section 13.2.1). The same attempt
    /// is never counted twice.
    /// </summary>
    /// <remarks>When this throws, the attempt is over: should it have been counted, it is refunded.</remarks>
    public async Task<QuotaAnswer> TakeAsync(Caller caller, Guid report, Guid attempt, DownloadCost cost)
    {
        var use = new Use(
            caller, report, attempt, cost is DownloadCost.Whole or DownloadCost.Continuation,
            cost is DownloadCost.Continuation or DownloadCost.FreeContinuation);
        try
        {
            _takes.Add(use);
            return await use.Answer.Task;
        }
        catch (Exception) when (use.IsCosting)
        {
            // The commit may have happened, and only its answer was lost.
            Postpone(attempt);
            throw;
        }
    }

    /// <summary>What is left, for HEAD, which costs nothing and is never refused.</summary>
    public async Task<RateLimit> PeekAsync(Caller caller, CancellationToken cancellation)
    {
        var nothing = new Use(caller, Guid.Empty, Guid.Empty, IsCosting: false, IsContinuation: false);
        await AskAsync([nothing], cancellation);
        return (await nothing.Answer.Task).Left;
    }

    /// <summary>
    /// Gives back what an attempt was counted for: no byte was sent, and the fault was ours. What the database does not
    /// take now is given back as soon as it takes it again, unless this process ends before.
    /// </summary>
    public async Task RefundAsync(Guid attempt, CancellationToken cancellation)
    {
        try
        {
            await RefundAsync([attempt], cancellation);
        }
        catch (Exception)
        {
            Postpone(attempt);
        }
    }

    /// <summary>Gives back what had to wait.</summary>
    public async Task RefundPostponedAsync(CancellationToken cancellation)
    {
        // What fails again goes back into the queue, so only as many as there are now.
        var attempts = new List<Guid>(_refunds.Count);
        for (var waiting = _refunds.Count; waiting > 0 && _refunds.TryDequeue(out var attempt); waiting--)
        {
            attempts.Add(attempt);
        }

        if (attempts.Count == 0)
        {
            return;
        }

        try
        {
            await RefundAsync([.. attempts], cancellation);
        }
        catch (Exception)
        {
            attempts.ForEach(Postpone);
            throw;
        }
    }

    /// <summary>Deletes the uses of principals who have not come back: they count for nothing any more.</summary>
    public async Task DeleteOldAsync(CancellationToken cancellation)
    {
        // Not at the very end of the window, so that nodes with different settings do not harm each other. Who is taking
        // is left out: a take may hold several principals, and they would wait for each other.
        await using var command = _database.CreateCommand(
            """
            delete from reports.download_quota_uses
            where counted_at < clock_timestamp() - $1 and pg_try_advisory_xact_lock(1364545364, principal_number)
            """);
        command.Parameters.Add(new NpgsqlParameter<TimeSpan>
        {
            TypedValue = _options.DownloadWindow + TimeSpan.FromDays(1),
        });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    public ValueTask DisposeAsync() => _takes.DisposeAsync();

    private async Task AskAsync(IReadOnlyList<Use> uses, CancellationToken cancellation)
    {
        await using var connection = await _database.OpenConnectionAsync(cancellation);
        await using var command = new NpgsqlCommand(Take, connection);
        Add(uses.Select(u => u.Caller.PrincipalNumber));
        Add(uses.Select(u => u.Caller.Tenant));
        Add(uses.Select(u => u.Report));
        Add(uses.Select(u => u.Attempt));
        Add(uses.Select(u => u.IsCosting));
        Add(uses.Select(u => u.IsContinuation));
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = _options.DownloadsPerHour });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = _options.DownloadWindow });
        await command.PrepareAsync(cancellation);
        var answers = new QuotaAnswer[uses.Count];
        await using (var row = await command.ExecuteReaderAsync(cancellation))
        {
            while (await row.ReadAsync(cancellation))
            {
                var policy = new RateLimitPolicy(Policy, row.GetInt32(3), _options.DownloadWindow);
                answers[row.GetInt32(0)] = new QuotaAnswer(
                    row.GetBoolean(1), row.GetBoolean(2), new RateLimit(policy, row.GetInt32(4), row.GetTimeSpan(5)));
            }
        }

        // Not before the commit.
        foreach (var (use, answer) in uses.Zip(answers))
        {
            use.Answer.TrySetResult(answer);
        }

        void Add<T>(IEnumerable<T> values) =>
            command.Parameters.Add(new NpgsqlParameter<T[]> { TypedValue = [.. values] });
    }

    private async Task RefundAsync(Guid[] attempts, CancellationToken cancellation)
    {
        await using var command = _database.CreateCommand(
            "delete from reports.download_quota_uses where attempt_id = any($1)");
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = attempts });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private void Postpone(Guid attempt)
    {
        if (_refunds.Count < MostRefunds)
        {
            _refunds.Enqueue(attempt);
        }
    }

    /// <summary>What somebody would have of the quota.</summary>
    private sealed record Use(Caller Caller, Guid Report, Guid Attempt, bool IsCosting, bool IsContinuation) : IGrouped
    {
        public TaskCompletionSource<QuotaAnswer> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Fail(Exception cause) => Answer.TrySetException(cause);
    }

    // The head is written as PostgreSQL gives it back, since code and database are compared as text. The function is
    // volatile: each statement after the lock sees what was committed before the lock was granted. The lock's first
    // number ("QUOT") sets it apart from others'. The reset is when the number left rises next: below a quota that was
    // lowered, not every use that leaves the window frees one. Nobody waits here for the disk, while others of the same
    // principal wait for the lock: the commit of the attempt flushes what is before it, and no byte leaves before that.
    private const string Definition =
        """
        CREATE OR REPLACE FUNCTION reports.take_download(p_principal integer, p_merchant uuid, p_report uuid, p_attempt uuid, p_is_costing boolean, p_is_continuation boolean, p_quota integer, p_window interval)
         RETURNS TABLE(is_allowed boolean, is_counted boolean, quota integer, remaining integer, reset interval)
         LANGUAGE plpgsql
        AS $function$
        declare
            v_since timestamptz;
            v_used integer;
            v_is_known boolean;
        begin
            if p_is_costing then
                perform set_config('synchronous_commit', 'off', true);
                perform pg_advisory_xact_lock(1364545364, p_principal);
            end if;
            v_since := clock_timestamp() - p_window;
            select count(*),
                   coalesce(bool_or(u.attempt_id = p_attempt), false),
                   coalesce(bool_or(u.report_id = p_report), false)
            into v_used, is_counted, v_is_known
            from reports.download_quota_uses u
            where u.principal_number = p_principal and u.counted_at > v_since;
            quota := coalesce(
                (select o.downloads_per_hour from reports.quota_overrides o where o.merchant_id = p_merchant), p_quota);
            v_is_known := v_is_known and p_is_continuation;
            is_allowed := is_counted or v_is_known or v_used < quota;
            if p_is_costing and is_allowed and not is_counted and not v_is_known then
                delete from reports.download_quota_uses u
                where u.principal_number = p_principal and u.counted_at <= v_since;
                insert into reports.download_quota_uses (attempt_id, principal_number, report_id, counted_at)
                values (p_attempt, p_principal, p_report, v_since + p_window);
                is_counted := true;
                v_used := v_used + 1;
            end if;
            remaining := greatest(quota - v_used, 0);
            select u.counted_at - v_since into reset
            from reports.download_quota_uses u
            where u.principal_number = p_principal and u.counted_at > v_since
            order by u.counted_at offset greatest(v_used - quota, 0) limit 1;
            reset := coalesce(reset, p_window);
            return next;
        end;
        $function$;
        """;
}
