namespace Reports.Benchmarks;

/// <summary>A server as a process of its own.</summary>
internal sealed class Server : IDisposable
{
    private readonly Child _child;

    private Server(Child child, Uri address) => (_child, Address, Start) = (child, address, child.Elapsed);

    public Uri Address { get; }

    /// <summary>How long it took from the start of the process until it said where it listens.</summary>
    public TimeSpan Start { get; }

    /// <summary>Its resident memory in MiB.</summary>
    public double ResidentMiB => _child.ResidentMiB;

    /// <summary>The time that it has been given by the processors.</summary>
    public TimeSpan Worked => _child.Worked;

    /// <summary>The most that it was, in MiB.</summary>
    public double PeakMiB => _child.PeakMiB;

    public static async Task<Server> StartAsync(
        string[] command, IReadOnlyDictionary<string, string> environment, string directory)
    {
        var ready = Path.Combine(directory, $"ready-{Guid.CreateVersion7():n}");
        var child = new Child(command, new Dictionary<string, string>(environment)
        {
            ["REPORTS__READYFILE"] = ready,
            ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
        });
        var address = "";
        await Until.TrueAsync(
            async () =>
            {
                address = File.Exists(ready) ? await File.ReadAllTextAsync(ready) : "";
                return address.Length == 0 && child.HasEnded ? throw child.Failed() : address.Length > 0;
            },
            TimeSpan.FromMilliseconds(5));
        return new Server(child, new Uri(address.Trim()));
    }

    /// <summary>Waits until it has little to do, a minute at the most.</summary>
    public async Task CalmsAsync()
    {
        using var second = new PeriodicTimer(TimeSpan.FromSeconds(1));
        for (var i = 0; i < 60; i++)
        {
            var before = _child.Worked;
            await second.WaitForNextTickAsync();
            if ((_child.Worked - before).TotalSeconds < 0.3)
            {
                return;
            }
        }
    }

    public void Dispose() => _child.Dispose();
}
