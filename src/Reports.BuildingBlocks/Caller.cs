using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using Marten;
using Marten.Services;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Reports.Contracts;
using Weasel.Core;
using Weasel.Postgresql.Tables;

namespace Reports.BuildingBlocks;

/// <summary>Who is calling, as the credential proved it on this very request.</summary>
/// <param name="Actor">Who, as events name them.</param>
/// <param name="PrincipalNumber">The principal's number; tokens are bound to it.</param>
/// <param name="Tenant">Whose data they may see; none for a principal of the whole platform.</param>
/// <param name="TimeZone">The IANA name of the tenant's time zone.</param>
/// <param name="IsUnrestricted">Whether every permission of the tenant is theirs.</param>
/// <param name="Permissions">The permissions given one by one.</param>
public sealed record Caller(
    Actor Actor,
    int PrincipalNumber,
    Guid? Tenant,
    string TimeZone,
    bool IsUnrestricted,
    FrozenSet<string> Permissions)
{
    /// <summary>A person who gives commands on the machine, for one tenant or for the platform.</summary>
    /// <param name="tenant">The tenant that is meant.</param>
    /// <returns>The caller.</returns>
    public static Caller Operator(Guid? tenant) => new(Actor.Operator, 0, tenant, "UTC", true, []);

    /// <summary>Whether they may do what a permission is for.</summary>
    /// <param name="permission">The permission.</param>
    /// <returns>True when they may.</returns>
    public bool Has(string permission) => IsUnrestricted || Permissions.Contains(permission);
}

/// <summary>The caller of the current scope: a request or a command. Nobody until it is set.</summary>
public sealed class CurrentCaller
{
    /// <summary>The caller, or null when nobody has proved who they are.</summary>
    public Caller? Caller { get; set; }

    /// <summary>
    /// Why nobody is: what to answer where there must be somebody. Null until it was asked who is calling.
    /// </summary>
    public Problem? Refusal { get; set; }

    /// <summary>The id that logs, events and the answer share.</summary>
    public string? RequestId { get; set; }

    /// <summary>Where the request or the command comes from; null for what is the service's own.</summary>
    public Origin? Origin => field ??= FindOrigin?.Invoke();

    /// <summary>Tells where it comes from, once it is asked: most requests append no event.</summary>
    public Func<Origin>? FindOrigin { get; set; }

    /// <summary>The caller, where there must be one.</summary>
    /// <exception cref="InvalidOperationException">
    /// Nobody is set: an endpoint forgot to ask for authorisation.
    /// </exception>
    public Caller Required => Caller ?? throw new InvalidOperationException("No caller in this scope.");

    /// <summary>The caller's tenant, where there must be one.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public Guid RequiredTenant => Required.Tenant ?? throw new InvalidOperationException("The caller has no tenant.");
}

/// <summary>Where something comes from, as the events about it name it.</summary>
/// <param name="Id">
/// The hash that names a row of <c>reports.origins</c>; or <c>command:</c> or <c>node:</c> with a machine.
/// </param>
public sealed record Origin(string Id)
{
    private static readonly string Machine =
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Environment.MachineName)))[..16];

    /// <summary>A person at this machine, who gives commands.</summary>
    public static Origin Command { get; } = new($"command:{Machine}");

    /// <summary>The service itself, on this machine.</summary>
    public static Origin Node { get; } = new($"node:{Machine}");

    internal byte[] Salt { get; init; } = [];

    internal string Address { get; init; } = "";

    internal string UserAgent { get; init; } = "";

    /// <summary>How many erasures there had been when it was made.</summary>
    internal long Erasures { get; init; }

    /// <summary>Whether its row has been committed. Then it is never written again, were it erased meanwhile.</summary>
    public bool IsStored { get; internal set; }
}

/// <summary>
/// Source addresses and user agents are personal data and stand in no event: a row of their own holds them with a
/// random salt, and each event has the hash of salt and values in its header. Erase the row, and the event still
/// verifies and names nobody.
/// </summary>
public sealed class Origins
{
    /// <summary>The header that names an event's origin.</summary>
    public const string Header = "origin";

    private const int MostKnown = 10_000;
    private const int LongestUserAgent = 256;

    private readonly ConcurrentDictionary<(string Address, string UserAgent), Origin> _stored = new();
    private long _erasures = -1;

    /// <summary>The table of origins.</summary>
    /// <returns>The table, for the schema of the event store's database.</returns>
    public static ISchemaObject Table()
    {
        var table = new Table("reports.origins");
        table.AddColumn("origin", "text").AsPrimaryKey();
        table.AddColumn("salt", "bytea").NotNull();
        table.AddColumn("address", "text").NotNull();
        table.AddColumn("user_agent", "text").NotNull();
        return table;
    }

    /// <summary>Where a request comes from. The first time, it has no row yet.</summary>
    /// <param name="http">The request, after proxies have been looked through.</param>
    /// <returns>Its origin.</returns>
    public Origin Of(HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        var address = http.Connection.RemoteIpAddress?.ToString() ?? "";
        var agent = Text(http.Request.Headers.UserAgent.ToString());
        return _stored.TryGetValue((address, agent), out var stored) ? stored : New(address, agent);
    }

    /// <summary>
    /// Names an origin in every event that a session appends; if it has no row yet, the same commit writes it.
    /// </summary>
    /// <param name="session">The session.</param>
    /// <param name="origin">The origin; null for the service's own.</param>
    public void Put(IDocumentSession session, Origin? origin)
    {
        ArgumentNullException.ThrowIfNull(session);
        session.SetHeader(Header, (origin ?? Origin.Node).Id);
        if (origin is { Salt.Length: > 0, IsStored: false })
        {
            session.Listeners.Add(new Storing(this, origin));
        }
    }

    /// <summary>
    /// Forgets what it knew when rows have been erased since the last time: who comes again from there gets a new row.
    /// </summary>
    /// <param name="erasures">How many erasures there have been.</param>
    public void Forget(long erasures)
    {
        if (Interlocked.Exchange(ref _erasures, erasures) != erasures)
        {
            _stored.Clear();
        }
    }

    /// <summary>Notes that the row of an origin is committed.</summary>
    /// <param name="origin">The origin.</param>
    public void Stored(Origin origin)
    {
        ArgumentNullException.ThrowIfNull(origin);
        origin.IsStored = true;
        if (_stored.Count >= MostKnown)
        {
            _stored.Clear();
        }

        // Its row may have been erased between its commit and now.
        _stored.TryAdd((origin.Address, origin.UserAgent), origin);
        if (Volatile.Read(ref _erasures) != origin.Erasures)
        {
            _stored.TryRemove((origin.Address, origin.UserAgent), out _);
        }
    }

    // Cut, and without what is no character: half of a pair at the cut, or what the header never encoded rightly.
    private static string Text(string sent)
    {
        var bytes = Encoding.UTF8.GetBytes(sent.Length > LongestUserAgent ? sent[..LongestUserAgent] : sent);
        return Encoding.UTF8.GetString(bytes).Replace("\0", "", StringComparison.Ordinal);
    }

    private Origin New(string address, string agent)
    {
        var salt = RandomNumberGenerator.GetBytes(16);
        byte[] content = [.. salt, .. Encoding.UTF8.GetBytes($"{address}\n{agent}")];
        return new Origin(Convert.ToHexStringLower(SHA256.HashData(content)))
        {
            Salt = salt,
            Address = address,
            UserAgent = agent,
            Erasures = Volatile.Read(ref _erasures),
        };
    }

    private sealed class Storing(Origins origins, Origin origin) : DocumentSessionListenerBase
    {
        // A session that only reads, or whose request comes to nothing, leaves no trace.
        public override Task BeforeSaveChangesAsync(IDocumentSession session, CancellationToken token)
        {
            if (!origin.IsStored && session.PendingChanges.Streams().Any())
            {
                session.QueueSqlCommand(
                    """
                    insert into reports.origins (origin, salt, address, user_agent) values (?, ?, ?, ?)
                    on conflict (origin) do nothing
                    """,
                    origin.Id, origin.Salt, origin.Address, origin.UserAgent);
            }

            return Task.CompletedTask;
        }

        public override Task AfterCommitAsync(IDocumentSession session, IChangeSet commit, CancellationToken token)
        {
            if (commit.GetStreams().Any())
            {
                origins.Stored(origin);
            }

            return Task.CompletedTask;
        }
    }
}

/// <summary>Every event names its origin: one that nobody gave any comes from the service itself.</summary>
public sealed class OriginOfEvents : DocumentSessionListenerBase
{
    /// <inheritdoc/>
    public override Task BeforeSaveChangesAsync(IDocumentSession session, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(session);
        foreach (var stream in session.PendingChanges.Streams())
        {
            foreach (var e in stream.Events)
            {
                if (e.Headers?.ContainsKey(Origins.Header) is not true)
                {
                    e.SetHeader(Origins.Header, Origin.Node.Id);
                }
            }
        }

        return Task.CompletedTask;
    }
}

/// <summary>How tenants are named in the event store.</summary>
public static class Tenants
{
    /// <summary>The tenant of what belongs to nobody: anonymous attempts, findings, platform-wide acts.</summary>
    public const string Platform = "platform";

    /// <summary>The name of a tenant.</summary>
    /// <param name="tenant">Its id; none for the platform.</param>
    /// <returns>The name.</returns>
    public static string Name(Guid? tenant) => tenant?.ToString("D") ?? Platform;
}

/// <summary>Asks that the caller belongs to a tenant and has a permission there.</summary>
/// <param name="Permission">The permission.</param>
public sealed record PermissionRequirement(string Permission) : IAuthorizationRequirement
{
    /// <summary>The authentication scheme that tells who is calling.</summary>
    public const string Scheme = "reports";

    /// <summary>The policy of an endpoint that needs a permission.</summary>
    /// <param name="permission">The permission.</param>
    /// <returns>The policy; it authenticates by itself, so that other endpoints look no credential up.</returns>
    public static AuthorizationPolicy Policy(string permission) => new AuthorizationPolicyBuilder(Scheme)
        .RequireAuthenticatedUser()
        .AddRequirements(new PermissionRequirement(permission))
        .Build();
}

/// <summary>Looks the permission up on the caller of this request.</summary>
/// <param name="current">The caller.</param>
public sealed class PermissionHandler(CurrentCaller current) : AuthorizationHandler<PermissionRequirement>
{
    /// <inheritdoc/>
    protected override Task HandleRequirementAsync(
        AuthorizationHandlerContext context, PermissionRequirement requirement)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(requirement);
        if (current.Caller is { Tenant: not null } caller && caller.Has(requirement.Permission))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }
}
