using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Marten;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;

namespace Reports.Lifecycle.Requests;

/// <summary>
/// What a merchant has running. Manual requests of one merchant are taken one after the other, so that the limit is
/// exact and the same report is never asked for twice at once, on however many nodes.
/// </summary>
internal sealed class RunningRequests(EncryptedIds ids, LifecycleOptions options)
{
    private const int RetryAfter = 10;
    private const int Turnstiles = 256;

    private readonly SemaphoreSlim[] _turnstiles =
        [.. Enumerable.Range(0, Turnstiles).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>
    /// Waits for the merchant's turn on this node. Who waits for the lock of the database holds a connection, and a
    /// merchant that sends a hundred requests at once would leave none to the others.
    /// </summary>
    /// <returns>What ends the turn; after the transaction.</returns>
    public async Task<IDisposable> TurnAsync(Guid merchant, CancellationToken cancellation)
    {
        var turnstile = _turnstiles[(uint)merchant.GetHashCode() % Turnstiles];
        await turnstile.WaitAsync(cancellation);
        return new Turn(turnstile);
    }

    /// <summary>
    /// Keeps the merchant's other requests out until the transaction of the session, which must be open, has ended.
    /// </summary>
    /// <exception cref="ProblemException">The same report is running already, or too many are.</exception>
    public async Task AdmitAsync(IDocumentSession session, ReportRequested requested, CancellationToken cancellation)
    {
        if (RequestsProjection.Fingerprint(requested) is not { } fingerprint)
        {
            return;
        }

        // Two statements: the second must see what was committed before the lock was free.
        await using var command = new NpgsqlCommand(
            """
            select pg_advisory_xact_lock(@lock);
            select count(*), (
                select report_id from reports.report_requests
                where merchant_id = @merchant and fingerprint = @fingerprint and status in ('requested', 'generating'))
            from reports.report_requests
            where merchant_id = @merchant and source = 'manual' and status in ('requested', 'generating')
            """);
        command.Parameters.AddWithValue("lock", Lock(requested.MerchantId));
        command.Parameters.AddWithValue("merchant", requested.MerchantId);
        command.Parameters.AddWithValue("fingerprint", fingerprint);
        await using var row = await session.ExecuteReaderAsync(command, cancellation);
        await row.NextResultAsync(cancellation);
        await row.ReadAsync(cancellation);
        if (!row.IsDBNull(1))
        {
            throw new ProblemException(AlreadyRunning(requested.MerchantId, row.GetGuid(1)));
        }

        if (row.GetInt64(0) >= options.MostRunning)
        {
            throw new ProblemException(TooMany(options.MostRunning));
        }
    }

    /// <summary>What is answered to a second request for a report that is running.</summary>
    internal static Problem SameIsRunning => Problem.Conflict with { Detail = "The same report is on its way already" };

    internal static Problem TooMany(int most) => Problem.RateLimited with
    {
        Detail = $"At most {most} requested reports may be on their way at once; wait until one of them has ended, "
            + "or cancel one",
        RetryAfter = RetryAfter,
    };

    private Problem AlreadyRunning(Guid merchant, Guid report)
    {
        var id = ids.Seal(merchant, [report])[0];
        return SameIsRunning with
        {
            Detail = $"{SameIsRunning.Detail}: {id}",
            Location = $"{RequestEndpoints.Path}{id}/",
        };
    }

    private sealed class Turn(SemaphoreSlim turnstile) : IDisposable
    {
        public void Dispose() => turnstile.Release();
    }

    private static long Lock(Guid merchant) => BinaryPrimitives.ReadInt64BigEndian(
        SHA256.HashData(Encoding.ASCII.GetBytes($"requests:{merchant:N}")));
}
