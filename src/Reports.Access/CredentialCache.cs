using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Reports.Access;

/// <summary>
/// Credentials that were right lately, so that a request needs no round trip to the database. One is used only while
/// the epoch of access is the one it was read with, as a poll that started less than 700 ms ago has seen; so what is
/// taken away acts within a second on every node, and on a node whose polls fail or hang every request is looked up.
/// Nothing that was wrong or unknown is ever in here.
/// </summary>
internal sealed class CredentialCache(TimeProvider clock)
{
    public const int MostKept = 10_000;
    private static readonly TimeSpan LongestUnseen = TimeSpan.FromMilliseconds(700);

    private Generation? _current;

    /// <summary>
    /// A run of polls that all saw the same epoch, and what was read under it. An epoch that comes again after another,
    /// as from a standby that had fallen behind, is another generation.
    /// </summary>
    internal sealed class Generation(long epoch, long seenAt)
    {
        private long _seenAt = seenAt;

        public long Epoch { get; } = epoch;

        public ConcurrentDictionary<(string Kind, string Lookup), StoredCredential> Rows { get; } = new();

        public long SeenAt
        {
            get => Volatile.Read(ref _seenAt);
            set => Volatile.Write(ref _seenAt, value);
        }
    }

    /// <summary>The generation that a look-up belongs to; take it before the look-up starts.</summary>
    public Generation? Current => Volatile.Read(ref _current);

    /// <summary>A poll has seen an epoch.</summary>
    /// <param name="epoch">The epoch.</param>
    /// <param name="startedAt">When the poll started: what was committed before then, it has seen.</param>
    public void Confirm(long epoch, long startedAt)
    {
        if (Current is { } current && current.Epoch == epoch)
        {
            current.SeenAt = startedAt;
        }
        else
        {
            Volatile.Write(ref _current, new Generation(epoch, startedAt));
        }
    }

    public StoredCredential? Find(string kind, string lookup) =>
        Current is { } current && clock.GetElapsedTime(current.SeenAt) < LongestUnseen
            ? current.Rows.GetValueOrDefault((kind, lookup))
            : null;

    /// <summary>Keeps a row, unless the epoch has changed since before it was read.</summary>
    public void Keep(Generation? before, string kind, string lookup, StoredCredential row)
    {
        if (before is null || before != Current || before.Epoch != row.Epoch)
        {
            return;
        }

        if (before.Rows.Count >= MostKept)
        {
            before.Rows.Clear();
        }

        before.Rows[(kind, lookup)] = row;
    }
}

/// <summary>Looks at the epoch of access five times a second.</summary>
internal sealed partial class EpochPolling(
    NpgsqlDataSource database, CredentialCache cache, TimeProvider clock, ILogger<EpochPolling> log) : BackgroundService
{
    /// <summary>The statement, for tests that want to be in its way.</summary>
    public const string Statement = "select coalesce((select n from reports.access_epoch), 0) as epoch";

    private const int PatienceSeconds = 1;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private bool _isFailing;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await PollAsync(stoppingToken);
            }
            catch (Exception) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                if (!_isFailing)
                {
                    Failed(log, e);
                }

                _isFailing = true;
                await Task.Delay(Interval, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    // On a connection that it keeps: a poll must not wait for one behind the very look-ups that it saves.
    private async Task PollAsync(CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        await using var command = new NpgsqlCommand(Statement, connection) { CommandTimeout = PatienceSeconds };
        using var timer = new PeriodicTimer(Interval);
        do
        {
            var started = clock.GetTimestamp();
            cache.Confirm((long)(await command.ExecuteScalarAsync(stopping))!, started);
            if (_isFailing)
            {
                _isFailing = false;
                Recovered(log);
            }
        }
        while (await timer.WaitForNextTickAsync(stopping));
    }

    [LoggerMessage(
        LogLevel.Warning, "The epoch of access could not be read; until it can, each request looks its credential up")]
    private static partial void Failed(ILogger log, Exception cause);

    [LoggerMessage(LogLevel.Information, "The epoch of access can be read again")]
    private static partial void Recovered(ILogger log);
}
