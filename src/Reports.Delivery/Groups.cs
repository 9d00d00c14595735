using System.Threading.Channels;
using Npgsql;

namespace Reports.Delivery;

/// <summary>One of those that are done together.</summary>
internal interface IGrouped
{
    /// <summary>It was not done, or nobody can tell whether it was.</summary>
    void Fail(Exception cause);
}

/// <summary>
/// Does what comes at the same time together, in one transaction: what arrives while one is under way is the next one,
/// so that nothing waits for another to come.
/// </summary>
internal sealed class Groups<T> : IAsyncDisposable
    where T : IGrouped
{
    private readonly Channel<T> _waiting = Channel.CreateUnbounded<T>();
    private readonly int _most;
    private readonly Func<IReadOnlyList<T>, Task> _work;
    private readonly Task _working;

    /// <param name="workers">How many transactions may be under way at a time.</param>
    /// <param name="most">How many are done together at the most.</param>
    /// <param name="work">Does them, and tells each how it ended.</param>
    public Groups(int workers, int most, Func<IReadOnlyList<T>, Task> work)
    {
        (_most, _work) = (most, work);
        _working = Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(WorkAsync)));
    }

    /// <summary>Has one done.</summary>
    public void Add(T one)
    {
        if (!_waiting.Writer.TryWrite(one))
        {
            one.Fail(new ObjectDisposedException(nameof(Groups<T>)));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _working;
    }

    private async Task WorkAsync()
    {
        while (await _waiting.Reader.WaitToReadAsync())
        {
            var group = new List<T>();
            while (group.Count < _most && _waiting.Reader.TryRead(out var one))
            {
                group.Add(one);
            }

            if (group.Count > 0)
            {
                await DoAsync(group);
            }
        }
    }

    private async Task DoAsync(List<T> group)
    {
        try
        {
            await _work(group);
        }
        catch (PostgresException e) when (group.Count > 1 && !e.IsTransient)
        {
            // One of them the database does not take; the others are not to fail with it.
            foreach (var one in group)
            {
                await DoAsync([one]);
            }
        }
        catch (Exception e)
        {
            foreach (var one in group)
            {
                one.Fail(e);
            }
        }
    }
}
