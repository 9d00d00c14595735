using System.Text.Json;
using Microsoft.Extensions.Logging;
using Reports.Contracts;

namespace Reports.Delivery;

/// <summary>An outage as a file holds it while it lasts.</summary>
/// <param name="NodeId">The node that saw it.</param>
/// <param name="Outage">What it was when the file was written.</param>
internal sealed record JournaledOutage(Guid NodeId, Outage Outage);

/// <summary>
/// Files that say that there is an outage, because the database cannot: a node that is killed meanwhile leaves its own,
/// and another node, or the next run of this one, puts it on record. A file is written anew in every round, so one that
/// has not been for a while is of a node that is gone.
/// </summary>
internal sealed partial class OutageJournal(DeliveryOptions options, TimeProvider clock, ILogger<OutageJournal> log)
{
    private const string Ending = ".outage.json";
    private bool _isFailing;

    /// <summary>Writes an outage down. Where that cannot be, it is known to this process only.</summary>
    public void Write(JournaledOutage entry) => Try(() =>
    {
        var path = PathOf(entry.Outage.Id);
        Directory.CreateDirectory(options.OutageDirectory!);
        File.WriteAllText($"{path}.new", JsonSerializer.Serialize(entry, ContractJson.Options));
        File.Move($"{path}.new", path, overwrite: true);
    });

    /// <summary>Forgets an outage: it is on record, or was none.</summary>
    public void Remove(Guid outage) => Try(() => File.Delete(PathOf(outage)));

    /// <summary>The outages that nodes left behind.</summary>
    /// <param name="own">This node, whose outages it knows.</param>
    public IReadOnlyList<JournaledOutage> Abandoned(Guid own)
    {
        var found = new List<JournaledOutage>();
        Try(() =>
        {
            if (Directory.Exists(options.OutageDirectory))
            {
                found.AddRange(Directory.EnumerateFiles(options.OutageDirectory, $"*{Ending}")
                    .Where(IsAbandoned).Select(Read).OfType<JournaledOutage>().Where(entry => entry.NodeId != own));
            }
        });
        return found;
    }

    private string PathOf(Guid outage) => Path.Combine(options.OutageDirectory!, $"{outage:n}{Ending}");

    private bool IsAbandoned(string path) =>
        clock.GetUtcNow() - File.GetLastWriteTimeUtc(path) > options.NodeLease * 4;

    private static JournaledOutage? Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<JournaledOutage>(File.ReadAllText(path), ContractJson.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private void Try(Action action)
    {
        if (options.OutageDirectory is null)
        {
            return;
        }

        try
        {
            action();
            _isFailing = false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_isFailing)
            {
                NotWritten(log, e);
            }

            _isFailing = true;
        }
    }

    [LoggerMessage(LogLevel.Warning, "An outage of the event store cannot be written down beside the files")]
    private static partial void NotWritten(ILogger log, Exception cause);
}
