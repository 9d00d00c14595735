using JasperFx;
using Marten;
using Reports.BuildingBlocks;

namespace Reports.Lifecycle;

/// <summary>
/// Changes one stream by a decision on its state, where nothing else follows from the change. Of two who change it at
/// once the second decides again, on what the first left.
/// </summary>
internal sealed class LifecycleStreams(IDocumentStore store, Origins origins, CurrentCaller current)
{
    private const int MostTries = 5;

    /// <param name="stream">The stream, of the current tenant.</param>
    /// <param name="decide">Gives the events from the state; may run more than once.</param>
    /// <param name="cancellation">Stops the change.</param>
    /// <exception cref="ProblemException">The decision refused, or too many others were changing it.</exception>
    public async Task ChangeAsync<TState>(
        Guid stream, Func<TState?, IReadOnlyList<object>> decide, CancellationToken cancellation)
        where TState : class
    {
        for (var tries = 1; ; tries++)
        {
            await using var session = store.LightweightSession(Tenants.Name(current.Required.Tenant));
            session.LastModifiedBy = current.Required.Actor.Id;
            origins.Put(session, current.Origin);
            var events = await session.Events.FetchForWriting<TState>(stream, cancellation);
            events.AppendMany(decide(events.Aggregate));
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
                throw new ProblemException(Problem.Conflict with
                {
                    Detail = "It is being changed by others at this moment; try again.",
                });
            }
        }
    }
}
