using System.Text.Json.Nodes;
using MediatR;
using Microsoft.AspNetCore.Http;
using Reports.Audit.Sealing;

namespace Reports.Audit;

/// <summary>How the ledger does, by what is in the database: the same answer wherever it is asked.</summary>
public static class ShowLedger
{
    internal const string Path = AuditedReadEndpoints.Path + "ledger";
    private const string Sealing = "sealing";

    /// <summary>The question.</summary>
    public sealed record Query : IRequest<Answer>;

    /// <summary>The answer.</summary>
    /// <param name="Size">How many leaves there are.</param>
    /// <param name="LastSequence">Up to which sequence everything is sealed.</param>
    /// <param name="Unsealed">How many events are not, at the most: how many numbers were given out since.</param>
    /// <param name="Lag">For how long the oldest of them waits.</param>
    /// <param name="State">Whether somebody seals, or what keeps them from it.</param>
    /// <param name="Faults">What is wrong.</param>
    public sealed record Answer(
        long Size, long LastSequence, long Unsealed, TimeSpan Lag, string State, IReadOnlyList<Fault> Faults)
    {
        /// <summary>Whether somebody seals and nothing is wrong.</summary>
        public bool IsWell => State == Sealing && Faults.Count == 0;
    }

    /// <summary>Something that is wrong.</summary>
    /// <param name="Kind">What it is of: <c>stopped</c>, <c>found</c> or <c>anchors</c>.</param>
    /// <param name="Verdict">What it is, in a word.</param>
    /// <param name="Sequence">The event that it is wrong with; 0 when it is none in particular.</param>
    /// <param name="Cause">The same for a person.</param>
    /// <param name="Since">Since when it is known.</param>
    public sealed record Fault(string Kind, string Verdict, long Sequence, string Cause, DateTimeOffset Since);

    internal sealed class Handler(AuditorDatabase database, CurrentCheckpoint ledger) : IRequestHandler<Query, Answer>
    {
        public async Task<Answer> Handle(Query request, CancellationToken cancellationToken)
        {
            var view = await ledger.ReadAsync(cancellationToken);
            await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);
            var stopped = view.Faults.FirstOrDefault(f => f.Kind == LedgerFaults.Stopped);
            var state = stopped is not null ? $"stopped: {stopped.Verdict} {stopped.Sequence}: {stopped.Cause}"
                : await Sealer.IsAnyAtWorkAsync(connection, cancellationToken) ? Sealing : "nobody seals";
            return new Answer(
                view.Size, view.LastSequence, Math.Max(0, view.Given - view.LastSequence), view.Lag, state,
                [.. view.Faults.Select(f => new Fault(f.Kind, f.Verdict, f.Sequence, f.Cause, f.Since))]);
        }
    }

    internal static async Task<IResult> Endpoint(ISender sender, AuditReading reading, CancellationToken cancellation)
    {
        reading.Narrow(null);
        var ledger = await sender.Send(new Query(), cancellation);
        return Replays.Json(new JsonObject
        {
            ["size"] = ledger.Size,
            ["last_sequence"] = ledger.LastSequence,
            ["unsealed"] = ledger.Unsealed,
            ["lag_seconds"] = ledger.Lag.TotalSeconds,
            ["state"] = ledger.State,
            ["faults"] = new JsonArray([.. ledger.Faults.Select(f => new JsonObject
            {
                ["kind"] = f.Kind,
                ["verdict"] = f.Verdict,
                ["sequence"] = f.Sequence,
                ["cause"] = f.Cause,
                ["since"] = EventLines.Text(f.Since.UtcDateTime),
            })]),
        });
    }
}
