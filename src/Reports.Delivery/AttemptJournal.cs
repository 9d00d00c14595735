using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Delivery;

/// <summary>
/// Appends the events of download attempts to the event store in statements of our own, and those that come at the same
/// time in one commit (group commit). Each attempt waits until its own events are durable, and none waits for another
/// to come: what arrives while a commit is under way is the next one. The rows are those that Marten would write
/// (<c>docs/adr/0023-group-commit-of-download-attempts.md</c>).
/// </summary>
internal sealed class AttemptJournal : IAsyncDisposable
{
    // While one commit waits for the disk, the next is on its way; more would only make each of them smaller.
    private const int MostCommits = 2;
    private const int MostInACommit = 128;

    private const string Given =
        """
        with given as (
            select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[], $7::jsonb[],
                $8::timestamptz[], $9::jsonb[], $10::text[], $11::text[], $12::text[])
            with ordinality as e (
                id, stream, tenant, version, type, dotnet_type, data, at, headers, user_name, correlation, causation,
                n)),
        """;

    private const string Start =
        """
        begun as (
            insert into events.mt_streams (id, tenant_id, type, version)
            select stream, tenant, 'download_stream', max(version) from given group by stream, tenant
            on conflict do nothing
            returning id)
        """;

    private const string End =
        """
        begun as (
            update events.mt_streams s set version = given.version, timestamp = now() from given
            where s.tenant_id = given.tenant and s.id = given.stream and s.version = given.version - 1
            returning s.id)
        """;

    private const string Append =
        """
        insert into events.mt_events (
            seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id,
            causation_id, headers, user_name)
        select nextval('events.mt_events_sequence'), g.id, g.stream, g.version, g.data, g.type, g.at, g.tenant,
            g.dotnet_type, g.correlation, g.causation, g.headers, g.user_name
        from given g join begun on begun.id = g.stream order by g.n
        returning stream_id
        """;

    private static readonly ConcurrentDictionary<Type, (string Name, string DotNetType)> Types = new();

    private readonly NpgsqlDataSource _database;
    private readonly TimeProvider _clock;
    private readonly Groups<Entry> _commits;

    public AttemptJournal(ServingDatabase database, TimeProvider clock)
    {
        (_database, _clock) = (database.Recording, clock);
        _commits = new Groups<Entry>(MostCommits, MostInACommit, WriteAsync);
    }

    /// <summary>Begins an attempt's stream, with its end if it is refused at once.</summary>
    /// <returns>Whether the stream is new; if not, it is there already.</returns>
    public Task<bool> StartAsync(DownloadAttempt attempt, params object[] events) =>
        AppendAsync(Entry.Of(attempt, 1, events, _clock.GetUtcNow()));

    /// <summary>Ends an attempt's stream.</summary>
    /// <returns>Whether it was open; if not, another has closed it.</returns>
    public Task<bool> EndAsync(DownloadAttempt attempt, object end) =>
        AppendAsync(Entry.Of(attempt, 2, [end], _clock.GetUtcNow()));

    public ValueTask DisposeAsync() => _commits.DisposeAsync();

    private Task<bool> AppendAsync(Entry entry)
    {
        _commits.Add(entry);
        return entry.Done.Task;
    }

    // A batch is one transaction.
    private async Task WriteAsync(IReadOnlyList<Entry> entries)
    {
        await using var connection = await _database.OpenConnectionAsync();
        await using var batch = connection.CreateBatch();
        Add(batch, Start, [.. entries.Where(entry => entry.Version == 1)]);
        Add(batch, End, [.. entries.Where(entry => entry.Version > 1)]);
        await batch.PrepareAsync();
        var written = new HashSet<Guid>();
        await using (var row = await batch.ExecuteReaderAsync())
        {
            do
            {
                while (await row.ReadAsync())
                {
                    written.Add(row.GetGuid(0));
                }
            }
            while (await row.NextResultAsync());
        }

        foreach (var entry in entries)
        {
            entry.Done.TrySetResult(written.Contains(entry.Attempt.Id));
        }
    }

    private static void Add(NpgsqlBatch batch, string streams, IReadOnlyList<Entry> entries)
    {
        if (entries.Count == 0)
        {
            return;
        }

        var rows = entries
            .SelectMany(entry => entry.Events.Select(
                (data, i) => (Entry: entry, Data: data, Version: entry.Version + i)))
            .ToList();
        var command = new NpgsqlBatchCommand($"{Given} {streams} {Append}");
        void Parameter<T>(NpgsqlDbType type, Func<(Entry Entry, object Data, int Version), T> value) =>
            command.Parameters.Add(new NpgsqlParameter
            {
                Value = rows.Select(value).ToArray(),
                NpgsqlDbType = NpgsqlDbType.Array | type,
            });
        Parameter(NpgsqlDbType.Uuid, r => Guid.CreateVersion7(r.Entry.At));
        Parameter(NpgsqlDbType.Uuid, r => r.Entry.Attempt.Id);
        Parameter(NpgsqlDbType.Text, r => Tenants.Name(r.Entry.Attempt.Tenant));
        Parameter(NpgsqlDbType.Integer, r => r.Version);
        Parameter(NpgsqlDbType.Text, r => Stored(r.Data).Name);
        Parameter(NpgsqlDbType.Text, r => Stored(r.Data).DotNetType);
        Parameter(NpgsqlDbType.Jsonb, r => JsonSerializer.Serialize(r.Data, r.Data.GetType(), ContractJson.Options));
        Parameter(NpgsqlDbType.TimestampTz, r => r.Entry.At);
        Parameter(NpgsqlDbType.Jsonb, r => r.Entry.Headers);
        Parameter(NpgsqlDbType.Text, r => r.Entry.Attempt.Attempted.By.Id);
        Parameter(NpgsqlDbType.Text, r => r.Entry.Correlation);
        Parameter(NpgsqlDbType.Text, r => r.Entry.Causation);
        batch.BatchCommands.Add(command);
    }

    private static (string Name, string DotNetType) Stored(object data) => Types.GetOrAdd(
        data.GetType(),
        type => (
            type.GetCustomAttribute<EventNameAttribute>()!.Name, $"{type.FullName}, {type.Assembly.GetName().Name}"));

    /// <summary>What is to be written of an attempt, taken where it came up: the trace is that of its request.</summary>
    private sealed record Entry(
        DownloadAttempt Attempt,
        int Version,
        IReadOnlyList<object> Events,
        DateTimeOffset At,
        string Headers,
        string? Correlation,
        string? Causation) : IGrouped
    {
        public TaskCompletionSource<bool> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Fail(Exception cause) => Done.TrySetException(cause);

        public static Entry Of(DownloadAttempt attempt, int version, IReadOnlyList<object> events, DateTimeOffset at) =>
            new(
                attempt,
                version,
                events,
                at.ToUniversalTime(),
                JsonSerializer.Serialize(
                    new Dictionary<string, string>
                    {
                        ["request_id"] = attempt.Attempted.RequestId,
                        [Origins.Header] = attempt.Origin.Id,
                    },
                    ContractJson.Options),
                Activity.Current?.RootId,
                Activity.Current?.Id);
    }
}
