using Marten;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Audit;

/// <summary>Stream type of an act of the audit: each is a stream of its own.</summary>
internal sealed class AuditStream;

/// <summary>
/// Records who asked to read what of the audit, each in a stream of its own, with the caller's merchant; what is the
/// platform's, or nobody's, with the platform.
/// </summary>
internal sealed partial class AuditReads(
    IDocumentStore store, Origins origins, TimeProvider clock, ILogger<AuditReads> log)
{
    /// <summary>Commits the record; it does not stop when the client hangs up, because the request was made.</summary>
    /// <param name="http">The request.</param>
    /// <param name="surface">What of the audit.</param>
    /// <param name="status">What is about to be answered.</param>
    /// <param name="problem">The refusal, if it is one.</param>
    /// <returns>Whether it is durable. If not, nothing may be answered.</returns>
    public async Task<bool> RecordAsync(HttpContext http, AuditSurface surface, int status, Problem? problem)
    {
        var current = http.RequestServices.GetRequiredService<CurrentCaller>();
        var caller = current.Caller;
        var reading = http.RequestServices.GetRequiredService<AuditReading>();
        var now = clock.GetUtcNow();
        var read = new AuditRead(
            Guid.CreateVersion7(now), surface, reading.Merchant, reading.Query, status, problem?.Code,
            current.Origin?.Id, http.TraceIdentifier, caller?.Actor ?? Actor.Anonymous, now);
        try
        {
            await using var session = store.LightweightSession(Tenants.Name(caller?.Tenant));
            session.LastModifiedBy = read.By.Id;
            session.SetHeader("request_id", read.RequestId);
            origins.Put(session, current.Origin);
            session.Events.StartStream<AuditStream>(read.ReadId, read);
            await session.SaveChangesAsync(CancellationToken.None);
            return true;
        }
        catch (Exception e)
        {
            NotRecorded(log, e, read.RequestId);
            return false;
        }
    }

    [LoggerMessage(
        LogLevel.Error, "A read of the audit could not be recorded and is not answered; request id {RequestId}")]
    private static partial void NotRecorded(ILogger log, Exception cause, string requestId);
}
