using System.Collections.Concurrent;
using Npgsql;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Ledger;

/// <summary>
/// No false alarm: rounds of what happens every day, one after the other and several at once. How many is
/// <c>REPORTS_TEST_LEDGER_ROUNDS</c>.
/// </summary>
public sealed class LedgerCleanRunTests(LedgerTemplate template, ITestOutputHelper output) : IAsyncLifetime
{
    private const int Appenders = 4;
    private const int Nodes = 3;

    private readonly LedgerStore _store = new(template);
    private readonly byte[] _key = CheckpointSigner.Generate();
    private readonly ConcurrentDictionary<string, int> _done = new();

    public ValueTask InitializeAsync() => _store.InitializeAsync();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task a_thousand_rounds_of_appends_rollbacks_restarts_and_hand_overs_raise_no_alarm()
    {
        var rounds = LedgerScale.Of("REPORTS_TEST_LEDGER_ROUNDS", 300);
        var nodes = new LedgerNode[Nodes];
        for (var i = 0; i < Nodes; i++)
        {
            nodes[i] = await StartAsync();
        }

        var next = 0;
        var random = new Random(5);
        using var ending = new CancellationTokenSource();
        var disturbing = Task.Run(async () =>
        {
            while (!ending.IsCancellationRequested)
            {
                await DisturbAsync(nodes, random);
                await Eventually.PauseAsync();
            }
        });
        await Task.WhenAll(Enumerable.Range(0, Appenders).Select(appender => Task.Run(async () =>
        {
            for (int round; (round = Interlocked.Increment(ref next)) <= rounds;)
            {
                await RoundAsync(new Random(round));
            }
        })));
        await ending.CancelAsync();
        await disturbing;
        await _store.IsSealedAsync();

        output.WriteLine(string.Join(", ", _done.OrderBy(d => d.Key).Select(d => $"{d.Key} {d.Value}")));
        _store.Log.Lines.ShouldNotContain(line => line.Contains("The ledger has stopped"));
        _store.Log.Lines.ShouldNotContain(line => line.Contains("came late"));
        _store.Log.Lines.ShouldNotContain(line => line.Contains("A sealed event is not as it was"));
        nodes.ShouldAllBe(n => n.State.Fault == null && n.State.Findings.Count == 0);
        using var signer = new CheckpointSigner(_key);
        await _store.IsWholeAsync(signer.Key);
        foreach (var node in nodes)
        {
            await node.DisposeAsync();
        }
    }

    private async Task<LedgerNode> StartAsync()
    {
        var node = _store.Node(LedgerStore.Options(_key) with { SweepInterval = TimeSpan.FromMilliseconds(200) });
        await node.StartAsync();
        return node;
    }

    // What appenders do: commit, roll back, fail, take long, overtake each other.
    private async Task RoundAsync(Random random)
    {
        var kind = random.Next(6) switch
        {
            0 => "rollback", 1 => "failure", 2 => "savepoint", 3 => "cut", _ => "commit",
        };
        _done.AddOrUpdate(kind, 1, (_, n) => n + 1);
        await using var connection = await _store.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await LedgerStore.AppendAsync(connection, random.Next(1, 4));
        switch (kind)
        {
            case "rollback":
                await transaction.RollbackAsync();
                break;
            case "failure":
                await using (var broken = new NpgsqlCommand("select 1 / 0", connection, transaction))
                {
                    await Should.ThrowAsync<PostgresException>(() => broken.ExecuteNonQueryAsync());
                }

                break;
            case "savepoint":
                await transaction.SaveAsync("before");
                await LedgerStore.AppendAsync(connection, 2);
                await transaction.RollbackAsync("before");
                await LedgerStore.AppendAsync(connection, 1);
                await transaction.CommitAsync();
                break;
            case "cut":
                await _store.ExecuteAsync($"select pg_terminate_backend({connection.ProcessID})");
                await Should.ThrowAsync<Exception>(() => transaction.CommitAsync());
                break;
            default:
                await transaction.CommitAsync();
                break;
        }
    }

    // What happens to sealers: their connection is cut, their node stops and starts.
    private async Task DisturbAsync(LedgerNode[] nodes, Random random)
    {
        var node = random.Next(Nodes);
        if (random.Next(2) == 0)
        {
            await _store.ExecuteAsync(
                $"select pg_terminate_backend(pid) from pg_stat_activity where application_name = '{nodes[node].Name}'");
            _done.AddOrUpdate("sealer cut", 1, (_, n) => n + 1);
        }
        else
        {
            await nodes[node].DisposeAsync();
            nodes[node] = await StartAsync();
            _done.AddOrUpdate("node restarted", 1, (_, n) => n + 1);
        }
    }
}
