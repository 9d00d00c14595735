using MediatR;
using Npgsql;
using Reports.Audit.Sealing;

namespace Reports.Audit;

/// <summary>How the ledger does, asked of the database and of the anchors.</summary>
public static class ShowLedger
{
    /// <summary>The question.</summary>
    public sealed record Query : IRequest<Answer>;

    /// <summary>The answer.</summary>
    /// <param name="Size">How many leaves there are.</param>
    /// <param name="LastSequence">Up to which sequence everything is sealed.</param>
    /// <param name="Unsealed">How many events are not.</param>
    /// <param name="Lag">For how long the oldest of them waits.</param>
    /// <param name="State">Whether somebody seals, or what keeps them from it.</param>
    public sealed record Answer(long Size, long LastSequence, long Unsealed, TimeSpan Lag, string State);

    internal sealed class Handler(
        AuditorDatabase database, LedgerOptions options, LedgerKeys keys, LedgerMemory memory, CurrentCheckpoint ledger)
        : IRequestHandler<Query, Answer>
    {
        public async Task<Answer> Handle(Query request, CancellationToken cancellationToken)
        {
            var view = await ledger.ReadAsync(cancellationToken);
            await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);
            await using var count = new NpgsqlCommand(
                "select count(*) from ledger.row_hashes where seq_id > $1", connection);
            count.Parameters.Add(new NpgsqlParameter<long> { TypedValue = view.LastSequence });
            var unsealed = (long)(await count.ExecuteScalarAsync(cancellationToken))!;
            return new Answer(
                view.Size, view.LastSequence, unsealed, view.Lag, await StateAsync(connection, view, cancellationToken));
        }

        private async Task<string> StateAsync(
            NpgsqlConnection connection, LedgerView view, CancellationToken cancellation)
        {
            try
            {
                if (keys.Believed.Count > 0)
                {
                    var head = await LedgerHead.LoadAsync(connection, options.Origin, keys.Believed, cancellation);
                    await memory.CheckAsync(connection, head, cancellation);
                }

                var next = await LedgerBatch.ReadAsync(
                    connection, [], view.LastSequence, view.Given, options.LargestBatch, cancellation);
                return next.Fault is { } fault ? $"stopped: {fault.Message}"
                    : await Sealer.IsAnyAtWorkAsync(connection, cancellation) ? "sealing" : "nobody seals";
            }
            catch (LedgerFaultException e)
            {
                return $"stopped: {e.Message}";
            }
        }
    }
}
