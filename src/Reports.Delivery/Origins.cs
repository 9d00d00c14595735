using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Marten;
using Microsoft.AspNetCore.Http;
using Weasel.Core;
using Weasel.Postgresql.Tables;

namespace Reports.Delivery;

/// <summary>Where a request came from, and the salted hash that events name it by.</summary>
internal sealed record Origin(string Id, byte[] Salt, string Address, string UserAgent);

/// <summary>
/// Source addresses and user agents are personal data and stand in no event: a row of their own holds them with a
/// random salt, and the event holds the hash of salt and values. Erase the row, and the event still verifies and names
/// nobody.
/// </summary>
internal sealed class Origins
{
    private const int MostKnown = 10_000;
    private const int LongestUserAgent = 256;

    private readonly ConcurrentDictionary<(string Address, string UserAgent), Origin> _known = new();

    public static ISchemaObject Table()
    {
        var table = new Table("reports.download_origins");
        table.AddColumn("origin", "text").AsPrimaryKey();
        table.AddColumn("salt", "bytea").NotNull();
        table.AddColumn("address", "text").NotNull();
        table.AddColumn("user_agent", "text").NotNull();
        return table;
    }

    public Origin Of(HttpContext http)
    {
        var address = http.Connection.RemoteIpAddress?.ToString() ?? "";
        var agent = Text(http.Request.Headers.UserAgent.ToString());
        return _known.TryGetValue((address, agent), out var known) ? known : New(address, agent);
    }

    /// <summary>Puts the row into the session's commit, unless it is known to be there.</summary>
    public void Store(IDocumentOperations session, Origin origin)
    {
        if (!_known.TryGetValue((origin.Address, origin.UserAgent), out var known) || known.Id != origin.Id)
        {
            session.QueueSqlCommand(
                """
                insert into reports.download_origins (origin, salt, address, user_agent) values (?, ?, ?, ?)
                on conflict (origin) do nothing
                """,
                origin.Id, origin.Salt, origin.Address, origin.UserAgent);
        }
    }

    /// <summary>The row is committed: the next attempt from there needs none.</summary>
    public void Known(Origin origin)
    {
        if (_known.Count >= MostKnown)
        {
            _known.Clear();
        }

        _known.TryAdd((origin.Address, origin.UserAgent), origin);
    }

    // Cut, and without what is no character: half of a pair at the cut, or what the header never encoded rightly.
    private static string Text(string sent)
    {
        var bytes = Encoding.UTF8.GetBytes(sent.Length > LongestUserAgent ? sent[..LongestUserAgent] : sent);
        return Encoding.UTF8.GetString(bytes).Replace("\0", "", StringComparison.Ordinal);
    }

    private static Origin New(string address, string agent)
    {
        var salt = RandomNumberGenerator.GetBytes(16);
        byte[] content = [.. salt, .. Encoding.UTF8.GetBytes($"{address}\n{agent}")];
        return new Origin(Convert.ToHexStringLower(SHA256.HashData(content)), salt, address, agent);
    }
}
