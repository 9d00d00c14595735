using System.Collections.Concurrent;
using Npgsql;
using NpgsqlTypes;
using Reports.BuildingBlocks;
using Weasel.Core;
using Weasel.Postgresql.Tables;

namespace Reports.Delivery;

/// <summary>
/// How many requests a principal may send in a UTC day. Each node counts in memory, exactly, and adds what the other
/// nodes have written down: they learn of each other's requests within a second (<c>docs/adr/0010-quotas.md</c>). The
/// database is asked when a principal comes, or comes back after a while, and otherwise not on the way of a request.
/// </summary>
internal sealed class RequestQuota(NpgsqlDataSource database, DeliveryOptions options, TimeProvider clock)
{
    public const string Policy = "requests";

    /// <summary>After how long without a request a principal is forgotten here, and looked up when it comes.</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<int, RequestCount> _counts = new();

    // A run writes rows of its own, and always its whole number: writing one twice changes nothing.
    private readonly Guid _node = Guid.CreateVersion7(clock.GetUtcNow());

    public static ISchemaObject Table()
    {
        var table = new Table("reports.request_quota_uses");
        table.AddColumn("day", "date").AsPrimaryKey();
        table.AddColumn("principal_number", "integer").AsPrimaryKey();
        table.AddColumn("node_id", "uuid").AsPrimaryKey();
        table.AddColumn("n", "bigint").NotNull();
        return table;
    }

    /// <summary>How many principals are counted here at the moment.</summary>
    public int Known => _counts.Count;

    /// <summary>Counts a request, if there is one left. Refused requests are not counted.</summary>
    public ValueTask<(bool IsAllowed, RateLimit Left)> TakeAsync(Caller caller, CancellationToken cancellation) =>
        AskAsync(caller, isCosting: true, cancellation);

    /// <summary>What is left, without taking any of it.</summary>
    public async ValueTask<RateLimit> PeekAsync(Caller caller, CancellationToken cancellation) =>
        (await AskAsync(caller, isCosting: false, cancellation)).Left;

    /// <summary>
    /// Writes down what was counted here, reads what was counted elsewhere and whose quotas have changed, and forgets
    /// who has not come for a while. What cannot be written is kept.
    /// </summary>
    public async Task ExchangeAsync(CancellationToken cancellation)
    {
        var forgetting = clock.GetUtcNow() - Idle;
        var sent = new List<(RequestCount Count, DateOnly Day, long Own)>(_counts.Count);
        foreach (var (principal, count) in _counts)
        {
            if (!count.Loaded.Value.IsCompletedSuccessfully)
            {
                continue;
            }

            if (count.TryRetire(forgetting))
            {
                _counts.TryRemove(KeyValuePair.Create(principal, count));
            }
            else
            {
                var (day, own) = count.Own;
                sent.Add((count, day, own));
            }
        }

        if (sent.Count > 0)
        {
            await ExchangeAsync(sent, cancellation);
        }
    }

    /// <summary>Deletes the counts of days that are over everywhere.</summary>
    public async Task DeleteOldAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand("delete from reports.request_quota_uses where day < $1");
        command.Parameters.Add(new NpgsqlParameter<DateOnly>
        {
            TypedValue = RequestCount.DayOf(clock.GetUtcNow()).AddDays(-1),
        });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private ValueTask<(bool IsAllowed, RateLimit Left)> AskAsync(
        Caller caller, bool isCosting, CancellationToken cancellation) =>
        _counts.TryGetValue(caller.PrincipalNumber, out var count)
            && count.Loaded.Value.IsCompletedSuccessfully
            && count.Ask(clock.GetUtcNow(), isCosting) is { } answer
                ? ValueTask.FromResult(answer)
                : new(LoadAndAskAsync(caller, isCosting, cancellation));

    private async Task<(bool IsAllowed, RateLimit Left)> LoadAndAskAsync(
        Caller caller, bool isCosting, CancellationToken cancellation)
    {
        while (true)
        {
            var count = _counts.GetOrAdd(caller.PrincipalNumber, New, caller.Tenant);

            // One look-up serves all who wait for it; it ends even when the first of them hangs up.
            await count.Loaded.Value.WaitAsync(cancellation);
            if (count.Ask(clock.GetUtcNow(), isCosting) is { } answer)
            {
                return answer;
            }
        }
    }

    private RequestCount New(int principal, Guid? merchant) => new(
        principal, merchant ?? Guid.Empty, options.RequestsPerDay, clock.GetUtcNow(), LoadAsync);

    private async Task LoadAsync(RequestCount count)
    {
        try
        {
            await using var command = database.CreateCommand(
                """
                select coalesce(sum(n) filter (where node_id = $1), 0)::bigint,
                       coalesce(sum(n) filter (where node_id <> $1), 0)::bigint,
                       (select requests_per_day from reports.quota_overrides where merchant_id = $4)
                from reports.request_quota_uses where day = $2 and principal_number = $3
                """);
            var day = count.Own.Day;
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = _node });
            command.Parameters.Add(new NpgsqlParameter<DateOnly> { TypedValue = day });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = count.Principal });
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = count.Merchant });
            await using var row = await command.ExecuteReaderAsync(CancellationToken.None);
            await row.ReadAsync(CancellationToken.None);
            count.Start(row.GetInt64(0));
            count.Correct(day, row.GetInt64(0), row.GetInt64(1), Quota(row, 2));
        }
        catch (Exception)
        {
            // The next request looks it up again.
            _counts.TryRemove(KeyValuePair.Create(count.Principal, count));
            throw;
        }
    }

    private async Task ExchangeAsync(
        List<(RequestCount Count, DateOnly Day, long Own)> sent, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            with own as (
                select * from unnest($2::integer[], $3::date[], $4::bigint[], $5::uuid[])
                    with ordinality as o (principal_number, day, n, merchant_id, place)),
            written as (
                insert into reports.request_quota_uses as q (day, principal_number, node_id, n)
                select day, principal_number, $1, n from own where n > 0
                on conflict (day, principal_number, node_id) do update set n = excluded.n where q.n < excluded.n)
            select (place - 1)::integer,
                   coalesce((
                       select sum(q.n) from reports.request_quota_uses q
                       where q.day = own.day and q.principal_number = own.principal_number and q.node_id <> $1
                   ), 0)::bigint,
                   v.requests_per_day
            from own left join reports.quota_overrides v using (merchant_id)
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = _node });
        Add(sent.Select(s => s.Count.Principal), NpgsqlDbType.Integer);
        Add(sent.Select(s => s.Day), NpgsqlDbType.Date);
        Add(sent.Select(s => s.Own), NpgsqlDbType.Bigint);
        Add(sent.Select(s => s.Count.Merchant), NpgsqlDbType.Uuid);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var answers = new List<(int Place, long Others, int Quota)>(sent.Count);
        while (await row.ReadAsync(cancellation))
        {
            answers.Add((row.GetInt32(0), row.GetInt64(1), Quota(row, 2)));
        }

        // Not before the last row: until then nothing is known to be written.
        foreach (var (place, others, quota) in answers)
        {
            var (count, day, own) = sent[place];
            count.Correct(day, own, others, quota);
        }

        void Add<T>(IEnumerable<T> values, NpgsqlDbType type) =>
            command.Parameters.AddWithValue(type | NpgsqlDbType.Array, values.ToArray());
    }

    private int Quota(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? options.RequestsPerDay : row.GetInt32(column);
}
