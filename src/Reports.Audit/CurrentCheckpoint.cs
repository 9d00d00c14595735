using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Reports.Audit.Sealing;
using Reports.BuildingBlocks;

namespace Reports.Audit;

/// <summary>
/// Reads the newest checkpoint twice a second, so that every answer can carry it, and the health can tell how far the
/// ledger is behind, without asking the database.
/// </summary>
internal sealed partial class CurrentCheckpoint(
    AuditorDatabase database, LedgerState state, TimeProvider clock, ILogger<CurrentCheckpoint> log) : BackgroundService
{
    private const string Header = "Audit-Checkpoint";

    private const string Read =
        """
        select c.note, coalesce(c.size, 0), coalesce(c.last_seq, 0),
            (select case when is_called then last_value else 0 end from events.mt_events_sequence),
            (select clock_timestamp() - h.recorded_at from ledger.row_hashes h
             where h.seq_id > coalesce(c.last_seq, 0) order by h.seq_id limit 1)
        from (select) as one left join lateral (
            select note, size, last_seq from ledger.checkpoints order by size desc limit 1) c on true
        """;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private string? _header;
    private bool _isFailing;

    /// <summary>Has an answer carry the newest checkpoint that this node knows, so that its reader holds a receipt.</summary>
    public Task ShowAsync(HttpContext http, RequestDelegate next)
    {
        if (_header is { } header && CheckpointedResponses.Carries(http))
        {
            http.Response.OnStarting(() =>
            {
                http.Response.Headers[Header] = header;
                return Task.CompletedTask;
            });
        }

        return next(http);
    }

    /// <summary>The ledger as it is now.</summary>
    public async Task<LedgerView> ReadAsync(CancellationToken cancellation)
    {
        await using var batch = database.Source.CreateBatch();
        foreach (var sql in (string[])[Read, LedgerFaults.Open])
        {
            var command = batch.CreateBatchCommand();
            command.CommandText = sql;
            batch.BatchCommands.Add(command);
        }

        await using var row = await batch.ExecuteReaderAsync(cancellation);
        await row.ReadAsync(cancellation);
        var view = LedgerView.None with
        {
            Note = row.IsDBNull(0) ? null : row.GetString(0),
            Size = row.GetInt64(1),
            LastSequence = row.GetInt64(2),
            Given = row.GetInt64(3),
            Lag = row.IsDBNull(4) ? TimeSpan.Zero : row.GetTimeSpan(4),
        };
        await row.NextResultAsync(cancellation);
        return view with { Faults = await LedgerFaults.ReadAsync(row, cancellation) };
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            do
            {
                await TryAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }

    private async Task TryAsync(CancellationToken cancellation)
    {
        try
        {
            var view = await ReadAsync(cancellation);
            if (view.Note != state.Seen.Note)
            {
                _header = view.Note is { } note ? $":{Convert.ToBase64String(Encoding.UTF8.GetBytes(note))}:" : null;
            }

            (state.Seen, _isFailing) = (view, false);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            // That the database is away is another check's to say.
            if (!_isFailing)
            {
                NotRead(log, e);
            }

            _isFailing = true;
        }
    }

    [LoggerMessage(LogLevel.Warning, "The newest checkpoint could not be read; answers carry the one before")]
    private static partial void NotRead(ILogger log, Exception cause);
}
