using System.Diagnostics.Metrics;
using Marten;
using Marten.Exceptions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>Stream type of a refusal.</summary>
internal sealed class RefusalStream;

/// <summary>What refusals of one kind have in common. The network stands in no event.</summary>
internal sealed record RefusalKind(
    Guid? Tenant, Actor By, Actor? Claimed, string Endpoint, int Status, string Code, string Network);

/// <summary>A refusal that is to be written.</summary>
internal sealed record RefusalNote(Guid? Tenant, Origin? Origin, AccessRefused Refused);

/// <summary>
/// Counts refusals in memory, so that whoever provokes them cannot make the database work for it. The first of a kind
/// is due at once, those that follow it a minute later, all together. When there are too many kinds, further ones are
/// counted together: coarser, but none is lost.
/// </summary>
internal sealed class AccessRefusals(TimeProvider clock)
{
    public const int MostKinds = 10_000;
    public const string Elsewhere = "*";

    private static readonly TimeSpan Together = TimeSpan.FromMinutes(1);
    private readonly Lock _lock = new();
    private readonly Dictionary<RefusalKind, Tally> _tallies = [];

    private sealed class Tally
    {
        public int Count;
        public DateTimeOffset First;
        public DateTimeOffset Last;
        public DateTimeOffset Due;
        public string RequestId = "";
        public Origin? Origin;
    }

    /// <summary>How many kinds are counted at the moment.</summary>
    public int Kinds => _tallies.Count;

    /// <summary>Counts a refusal.</summary>
    public void Note(RefusalKind kind, Origin? origin, string requestId)
    {
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            if (!_tallies.TryGetValue(kind, out var tally))
            {
                if (_tallies.Count >= MostKinds)
                {
                    origin = null;
                    kind = new RefusalKind(
                        null, Actor.Anonymous, null, Elsewhere, kind.Status, kind.Code, Elsewhere);
                }

                if (!_tallies.TryGetValue(kind, out tally))
                {
                    _tallies[kind] = tally = new Tally { Due = now };
                }
            }

            if (tally.Count++ == 0)
            {
                (tally.First, tally.RequestId, tally.Origin) = (now, requestId, origin);
            }

            tally.Last = now;
        }
    }

    /// <summary>Takes what is due; what has not come again for a while is forgotten.</summary>
    /// <param name="isEnd">Whether everything is due, because this process ends.</param>
    public IReadOnlyList<RefusalNote> Take(bool isEnd = false)
    {
        var now = clock.GetUtcNow();
        var due = new List<RefusalNote>();
        lock (_lock)
        {
            foreach (var (kind, tally) in _tallies)
            {
                if (tally.Due > now && !isEnd)
                {
                    continue;
                }

                if (tally.Count == 0)
                {
                    _tallies.Remove(kind);
                    continue;
                }

                due.Add(new RefusalNote(kind.Tenant, tally.Origin, new AccessRefused(
                    Guid.CreateVersion7(now), kind.Endpoint, kind.Status, kind.Code, kind.Claimed, tally.Origin?.Id,
                    tally.RequestId, tally.Count, kind.By, tally.First, tally.Last)));
                (tally.Count, tally.Due) = (0, now + Together);
            }
        }

        return due;
    }
}

/// <summary>
/// Notes every answer 401 and 403, and 429 after too many failures, of endpoints that do not record by themselves, and
/// the refusals that others leave to it.
/// </summary>
internal sealed class AccessRefusalNotes(RequestDelegate next, AccessRefusals refusals)
{
    private static readonly object ClaimedKey = new();

    /// <summary>Remembers whose credential was presented in vain.</summary>
    public static void Claim(HttpContext http, Caller? claimed) => http.Items[ClaimedKey] = claimed;

    public async Task InvokeAsync(HttpContext http, CurrentCaller current)
    {
        // What handles exceptions takes the endpoint away.
        var endpoint = http.GetEndpoint() as RouteEndpoint;
        try
        {
            await next(http);
        }
        finally
        {
            if (endpoint is not null && Code(http, current, endpoint) is { } code)
            {
                Note(http, current, endpoint, code);
            }
        }
    }

    private static string? Code(HttpContext http, CurrentCaller current, RouteEndpoint endpoint) =>
        endpoint.Metadata.GetMetadata<RecordsByItself>() is not null ? RecordsByItself.Left(http)?.Code
        : http.Response.StatusCode switch
        {
            StatusCodes.Status401Unauthorized => Problem.Unauthorized.Code,
            StatusCodes.Status403Forbidden => Problem.Forbidden.Code,
            StatusCodes.Status429TooManyRequests when current.Refusal is { Status: 429 } refusal => refusal.Code,
            _ => null,
        };

    private void Note(HttpContext http, CurrentCaller current, RouteEndpoint endpoint, string code)
    {
        var claimed = http.Items.TryGetValue(ClaimedKey, out var found) ? (Caller?)found : null;
        refusals.Note(
            new RefusalKind(
                (current.Caller ?? claimed)?.Tenant,
                current.Caller?.Actor ?? Actor.Anonymous,
                claimed?.Actor,
                $"{Method(http, endpoint)} {endpoint.RoutePattern.RawText}",
                http.Response.StatusCode,
                code,
                FailureBudgets.Network(http.Connection.RemoteIpAddress)),
            current.Origin,
            http.TraceIdentifier);
    }

    // As the endpoint spells it: what was sent could be anything.
    private static string Method(HttpContext http, RouteEndpoint endpoint) =>
        endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods
            .FirstOrDefault(m => m.Equals(http.Request.Method, StringComparison.OrdinalIgnoreCase))
        ?? AccessRefusals.Elsewhere;
}

/// <summary>
/// Writes the refusals that are due each second. What the event store does not take is tried again under the same ids,
/// and until then no more are taken. A process that is killed loses what it has counted since: of a kind that is new,
/// a second at the most, else a minute.
/// </summary>
internal sealed partial class AccessRefusalNode : BackgroundService
{
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(1);

    private readonly AccessRefusals _refusals;
    private readonly IDocumentStore _store;
    private readonly Origins _origins;
    private readonly ILogger<AccessRefusalNode> _log;
    private readonly Counter<long> _counter;
    private Queue<RefusalNote> _waiting = new();
    private bool _isFailing;

    public AccessRefusalNode(
        AccessRefusals refusals,
        IDocumentStore store,
        Origins origins,
        IMeterFactory meters,
        ILogger<AccessRefusalNode> log)
    {
        (_refusals, _store, _origins, _log) = (refusals, store, origins, log);
        _counter = meters.Create("Reports.Access").CreateCounter<long>(
            "reports.access.refused", "{request}", "Requests refused for want of a credential or of the right.");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Round);
        while (await NextAsync(timer, stoppingToken))
        {
            await WriteAsync(isEnd: false);
        }

        await WriteAsync(isEnd: true);
    }

    private async Task WriteAsync(bool isEnd)
    {
        try
        {
            if (_waiting.Count == 0 || isEnd)
            {
                _waiting = new Queue<RefusalNote>(_waiting.Concat(_refusals.Take(isEnd)));
            }

            while (_waiting.TryPeek(out var note))
            {
                await AppendAsync(note);
                _counter.Add(
                    note.Refused.Count, new KeyValuePair<string, object?>("status", note.Refused.Status));
                _waiting.Dequeue();
            }

            _isFailing = false;
        }
        catch (Exception e)
        {
            if (!_isFailing || isEnd)
            {
                NotTaken(_log, e, _waiting.Count);
            }

            _isFailing = true;
        }
    }

    private async Task AppendAsync(RefusalNote note)
    {
        try
        {
            await using var session = _store.LightweightSession(Tenants.Name(note.Tenant));
            session.LastModifiedBy = note.Refused.By.Id;
            session.SetHeader("request_id", note.Refused.RequestId);
            _origins.Put(session, note.Origin);
            session.Events.StartStream<RefusalStream>(note.Refused.RefusalId, note.Refused);
            await session.SaveChangesAsync(CancellationToken.None);
        }
        catch (ExistingStreamIdCollisionException)
        {
            // The answer to its commit was lost.
        }
    }

    private static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken stopping)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stopping);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [LoggerMessage(LogLevel.Error, "The event store did not take {Count} refusals; they are kept and tried again")]
    private static partial void NotTaken(ILogger log, Exception cause, int count);
}
