using System.Globalization;
using Npgsql;
using Reports.Access;
using Reports.Audit;
using Reports.BuildingBlocks;
using Reports.Host.Roads;
using Reports.Lifecycle;

namespace Reports.Host;

/// <summary>
/// The settings of the host, from configuration: section <c>Reports</c>, or <c>REPORTS__…</c> in the environment.
/// </summary>
internal sealed record Settings(
    string Database,
    string StorageRoot,
    KeyRing Keys,
    bool AppliesSchema,
    string? PublicUrl,
    TimeSpan TokenLifetime,
    TimeSpan NodeLease,
    TimeSpan LargestClockSkew,
    TimeSpan ShutdownTimeout,
    int RequestsPerDay,
    int DownloadsPerHour,
    int AuditReadsPerHour,
    bool IsSoloNode,
    bool IsNotFoundOnly,
    AccessOptions Access,
    LifecycleOptions Lifecycle,
    RoadSettings Roads,
    string? ReadyFile,
    DatabaseLogins Logins,
    LedgerOptions Ledger)
{
    /// <summary>Whether this program runs as the role that owns the schema, to change it.</summary>
    public bool IsMigrating { get; init; }

    /// <summary>Reads the settings; what is missing or unusable is named in one sentence.</summary>
    public static Settings From(IConfiguration configuration)
    {
        var reports = configuration.GetSection("Reports");
        return new Settings(
            Required(reports, "Database"),
            Required(reports, "Storage:Root"),
            ReadKeys(reports.GetSection("Keys")),
            Flag(reports, "Schema:ApplyOnStart"),
            reports["PublicUrl"],
            Positive(reports, "Tokens:Lifetime", TimeSpan.FromHours(1)),
            Positive(reports, "Nodes:Lease", TimeSpan.FromSeconds(15)),
            Positive(reports, "Nodes:LargestClockSkew", TimeSpan.FromSeconds(5)),
            Positive(reports, "Nodes:ShutdownTimeout", TimeSpan.FromSeconds(30)),
            Positive(reports, "Quotas:RequestsPerDay", 90_000),
            Positive(reports, "Quotas:DownloadsPerHour", 25),
            Positive(reports, "Quotas:AuditReadsPerHour", 1000),
            string.Equals(reports["Nodes:Mode"], "Solo", StringComparison.OrdinalIgnoreCase),
            Flag(reports, "Compatibility:NotFoundOnly"),
            ReadAccess(reports.GetSection("Quotas:FailedAuthentication")),
            ReadLifecycle(reports),
            RoadSettings.From(reports),
            reports["ReadyFile"],
            DatabaseLogins.From(reports),
            LedgerSettings.From(reports));
    }

    /// <summary>The same settings for a program that does all that it does as the owner of the schema.</summary>
    public Settings AsOwner(bool isMigrating) => this with { Database = Logins.Migrator, IsMigrating = isMigrating };

    // A record prints its members, and two of these are secrets.
    public override string ToString() => nameof(Settings);

    private static KeyRing ReadKeys(IConfigurationSection section)
    {
        var masters = section.GetSection("Master").GetChildren().ToDictionary(
            key => int.TryParse(key.Key, NumberStyles.None, CultureInfo.InvariantCulture, out var version)
                ? version
                : throw new SettingException(key.Path, "must be named by a version number"),
            key => TryBase64(key.Value) ?? throw new SettingException(key.Path, "must be 32 bytes or more in base64"));
        var current = section.GetValue<int?>("Current")
            ?? throw new SettingException($"{section.Path}:Current", "is missing");
        try
        {
            return new KeyRing(current, masters);
        }
        catch (ArgumentException)
        {
            throw new SettingException(
                $"{section.Path}:Master",
                "needs versions from 1 to 255, of 32 bytes or more each, the current one among them");
        }
    }

    private static AccessOptions ReadAccess(IConfigurationSection section) => new(
        Positive(section, "PerAddress", 200),
        Positive(section, "PerIdentity", 2000),
        Positive(section, "PerAddressAndIdentity", 20),
        Positive(section, "Window", TimeSpan.FromMinutes(5)));

    private static LifecycleOptions ReadLifecycle(IConfigurationSection reports)
    {
        var (generators, standard) = (reports.GetSection("Generators"), new LifecycleOptions());
        return standard with
        {
            Attempts = Positive(generators, "Attempts", standard.Attempts),
            StartWithin = Positive(generators, "StartWithin", standard.StartWithin),
            HeartbeatWithin = Positive(generators, "HeartbeatWithin", standard.HeartbeatWithin),
            RetryDelay = Positive(generators, "RetryDelay", standard.RetryDelay),
            MostRunning = Positive(reports, "Requests:MostRunning", standard.MostRunning),
            MostSchedules = Positive(reports, "Schedules:MostPerMerchant", standard.MostSchedules),
            PublicUrl = reports["PublicUrl"],
            OrdersInTable = RoadSettings.From(reports).Road is GeneratorRoad.PostgresTable,
            LargestFile = Positive(generators, "LargestFile", standard.LargestFile),
            RetentionInterval = Positive(reports, "Retention:Interval", standard.RetentionInterval),
        };
    }

    internal static byte[]? TryBase64(string? text)
    {
        var bytes = new byte[text?.Length ?? 0];
        return Convert.TryFromBase64String(text ?? "", bytes, out var length) ? bytes[..length] : null;
    }

    internal static string Required(IConfigurationSection section, string name) =>
        section[name] is { Length: > 0 } value
            ? value
            : throw new SettingException($"{section.Path}:{name}", "is missing");

    internal static bool Flag(IConfigurationSection section, string name, bool standard = false) =>
        section[name] is not { } text ? standard
        : bool.TryParse(text, out var flag) ? flag
        : throw new SettingException($"{section.Path}:{name}", "must be true or false");

    internal static TimeSpan Positive(IConfigurationSection section, string name, TimeSpan standard)
    {
        if (section[name] is not { } text)
        {
            return standard;
        }

        return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var span) && span > TimeSpan.Zero
            ? span
            : throw new SettingException($"{section.Path}:{name}", "must be a duration above zero, such as 01:00:00");
    }

    private static long Positive(IConfigurationSection section, string name, long standard) =>
        section[name] is not { } text ? standard
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number
        : throw new SettingException($"{section.Path}:{name}", "must be a whole number above zero");

    internal static int Positive(IConfigurationSection section, string name, int standard)
    {
        if (section[name] is not { } text)
        {
            return standard;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw new SettingException(
                $"{section.Path}:{name}", "must be a whole number from 1 to 2147483647, without signs or separators");
    }
}

/// <summary>
/// The connection strings of the roles beside the service's everyday one. Where one is not given, it is that one.
/// </summary>
/// <param name="App">The everyday one.</param>
/// <param name="Migrator">Owns the schema.</param>
/// <param name="Sealer">Writes the ledger.</param>
/// <param name="Auditor">Reads for auditors.</param>
internal sealed record DatabaseLogins(string App, string Migrator, string Sealer, string Auditor)
{
    public static DatabaseLogins From(IConfigurationSection reports)
    {
        var (everyday, section) = (Settings.Required(reports, "Database"), reports.GetSection("Databases"));
        string Given(string name) => section[name] is { Length: > 0 } given ? given : everyday;
        return new DatabaseLogins(everyday, Given("Migrator"), Given("Sealer"), Given("Auditor"));
    }

    /// <summary>The login of each role that the service has in the database.</summary>
    public IEnumerable<(string Role, NpgsqlConnectionStringBuilder Login)> ByRole =>
    [
        (DatabaseGrants.App, new(App)), (DatabaseGrants.Sealer, new(Sealer)), (DatabaseGrants.Auditor, new(Auditor)),
    ];

    public override string ToString() => nameof(DatabaseLogins);
}

/// <summary>A setting is missing or unusable.</summary>
internal sealed class SettingException(string path, string finding)
    : Exception($"The setting {path} ({Variable(path)} in the environment) {finding}.")
{
    private static string Variable(string path) =>
        path.Replace(":", "__", StringComparison.Ordinal).ToUpperInvariant();
}
