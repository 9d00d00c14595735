using JasperFx;
using Marten;
using Reports.BuildingBlocks;

namespace Reports.Access;

/// <summary>
/// Changes one stream by a decision on its state. Of two who change it at once the second decides again, on what the
/// first left: an act never becomes two events.
/// </summary>
internal sealed class AccessStreams(IDocumentStore store, Origins origins, CurrentCaller current)
{
    private const int MostTries = 5;

    /// <summary>
    /// A session for the tenant that is meant; a command that names a key or a user does not name its tenant.
    /// </summary>
    public IDocumentSession Open(Guid? tenant)
    {
        var session = store.LightweightSession(Tenants.Name(tenant));
        session.LastModifiedBy = current.Required.Actor.Id;
        origins.Put(session, current.Origin);
        return session;
    }

    /// <param name="tenant">The tenant of the stream; none for the platform.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="decide">
    /// Gives the event, if one is needed, from the state (none when there is no such stream), and puts into the session
    /// what else belongs to the commit. It may run more than once.
    /// </param>
    /// <param name="cancellation">Stops the change.</param>
    /// <exception cref="ProblemException">
    /// The decision refused, or too many others were changing the stream.
    /// </exception>
    public Task ChangeAsync<TState>(
        Guid? tenant, Guid stream, Func<TState?, IDocumentSession, object?> decide, CancellationToken cancellation)
        where TState : class =>
        ChangeAsync<TState>(
            tenant, stream, (state, session) => Task.FromResult(decide(state, session)), cancellation);

    /// <summary>The same, for a decision that has to look something up.</summary>
    public async Task ChangeAsync<TState>(
        Guid? tenant,
        Guid stream,
        Func<TState?, IDocumentSession, Task<object?>> decide,
        CancellationToken cancellation)
        where TState : class
    {
        for (var tries = 1; ; tries++)
        {
            await using var session = Open(tenant);
            var events = await session.Events.FetchForWriting<TState>(stream, cancellation);
            if (await decide(events.Aggregate, session) is { } e)
            {
                events.AppendOne(e);
            }

            try
            {
                await session.SaveChangesAsync(cancellation);
                return;
            }
            catch (ConcurrencyException) when (tries < MostTries)
            {
                // Somebody else came first: what they left is read again.
            }
            catch (ConcurrencyException)
            {
                throw Refusal.Conflict("It is being changed by others at this moment; try again.");
            }
        }
    }
}

/// <summary>Why an operator's command is not carried out.</summary>
internal static class Refusal
{
    public static ProblemException Unknown(string detail) => new(Problem.NotFound with { Detail = detail });

    public static ProblemException Conflict(string detail) => new(Problem.Conflict with { Detail = detail });
}
