namespace Reports.Contracts;

/// <summary>How long a period a report covers.</summary>
public enum ReportInterval
{
    /// <summary>One local day.</summary>
    Daily,

    /// <summary>Seven local days.</summary>
    Weekly,

    /// <summary>One calendar month.</summary>
    Monthly,

    /// <summary>One calendar year.</summary>
    Yearly,

    /// <summary>Any other period, named by the request.</summary>
    Custom,
}

/// <summary>What caused a report.</summary>
public enum ReportSource
{
    /// <summary>A schedule.</summary>
    Auto,

    /// <summary>A person's or a program's request.</summary>
    Manual,
}

/// <summary>The format of a report's file.</summary>
public enum ReportFormat
{
    /// <summary>Comma-separated values, RFC 4180, UTF-8.</summary>
    Csv,

    /// <summary>An Office Open XML workbook (ECMA-376).</summary>
    Xlsx,
}

/// <summary>The period that a report covers.</summary>
/// <param name="Start">The first instant that belongs to it.</param>
/// <param name="End">The first instant after it.</param>
/// <param name="TimeZone">The IANA name of the zone in which its days are counted.</param>
public sealed record ReportPeriod(DateTimeOffset Start, DateTimeOffset End, string TimeZone);

/// <summary>The language of a report's column labels.</summary>
public enum ReportLocale
{
    /// <summary>English.</summary>
    En,

    /// <summary>Arabic.</summary>
    Ar,
}

/// <summary>How the file is to look, beyond its format.</summary>
/// <param name="ByteOrderMark">Whether a CSV file starts with a UTF-8 byte order mark.</param>
/// <param name="RightToLeft">Whether the sheets of a workbook run from right to left.</param>
/// <param name="Locale">The language of the column labels; none for the columns' own names.</param>
/// <param name="Columns">
/// The columns by name, in this order (<c>docs/report-columns.md</c>); none for the standard ones.
/// </param>
public sealed record ReportLayout(
    bool ByteOrderMark = false,
    bool RightToLeft = false,
    ReportLocale? Locale = null,
    IReadOnlyList<string>? Columns = null);

/// <summary>A day of the week.</summary>
public enum Weekday
{
    /// <summary>Monday, the first day of the week in ISO 8601.</summary>
    Monday = 1,

    /// <summary>Tuesday.</summary>
    Tuesday,

    /// <summary>Wednesday.</summary>
    Wednesday,

    /// <summary>Thursday.</summary>
    Thursday,

    /// <summary>Friday.</summary>
    Friday,

    /// <summary>Saturday.</summary>
    Saturday,

    /// <summary>Sunday.</summary>
    Sunday,
}

/// <summary>
/// When the periods of a schedule end. Each begins where the one before it ends, so that no instant is in two of them
/// and none in no one.
/// </summary>
/// <param name="Interval">How long a period is; never custom.</param>
/// <param name="CutOff">The local time of day at which a period ends.</param>
/// <param name="TimeZone">The IANA name of the zone in which it is local.</param>
/// <param name="Weekday">The day on which a week ends; for weekly ones only.</param>
/// <param name="Day">
/// The day of the month on which a month or a year ends, from 1 to 31; a month that has no such day ends on its last,
/// so that 31 stands for the last day of any month. For monthly and yearly ones only.
/// </param>
/// <param name="Month">The month in which a year ends, from 1 to 12; for yearly ones only.</param>
public sealed record ScheduleRule(
    ReportInterval Interval,
    TimeOnly CutOff,
    string TimeZone,
    Weekday? Weekday = null,
    int? Day = null,
    int? Month = null);

/// <summary>What a schedule asks for, again and again.</summary>
/// <param name="Rule">When.</param>
/// <param name="Format">The format of the files.</param>
/// <param name="Layout">The look of the files.</param>
/// <param name="FilePrefix">What the names of the files begin with.</param>
public sealed record ScheduleDefinition(
    ScheduleRule Rule, ReportFormat Format, ReportLayout Layout, string FilePrefix);

/// <summary>What a report is, settled when it was requested and the same for good.</summary>
/// <param name="Number">Its number in this installation, from a database sequence; 36 bits.</param>
/// <param name="Name">The file name that a download proposes.</param>
/// <param name="Interval">The kind of period.</param>
/// <param name="Source">What caused it.</param>
/// <param name="Format">The format of its file.</param>
/// <param name="Layout">The look of its file.</param>
/// <param name="Period">The period it covers.</param>
/// <param name="RequestedAt">When it was requested; <c>created_at</c> to merchants.</param>
public sealed record ReportDescription(
    long Number,
    string Name,
    ReportInterval Interval,
    ReportSource Source,
    ReportFormat Format,
    ReportLayout Layout,
    ReportPeriod Period,
    DateTimeOffset RequestedAt);

/// <summary>
/// The sums of one currency in a report, in units of that currency. The sum of the rows, these totals and an
/// independent query of the transactions give the same figures.
/// </summary>
/// <param name="Currency">The ISO 4217 code.</param>
/// <param name="Records">How many rows are in this currency.</param>
/// <param name="Gross">The sum of the gross amounts; refunds and voids count as negative.</param>
/// <param name="Fee">The sum of the fees; what the merchant pays is negative.</param>
/// <param name="Net">The sum of the net amounts: gross plus fee.</param>
public sealed record ControlTotal(string Currency, long Records, decimal Gross, decimal Fee, decimal Net);

/// <summary>SHA-256 digests of a file's consecutive blocks, so that any part of it can be checked by itself.</summary>
/// <param name="Size">The length of a block in bytes; the last one may be shorter.</param>
/// <param name="Digests">The digests one after the other, 32 bytes each.</param>
public sealed record BlockDigests(int Size, byte[] Digests);

/// <summary>What kind of actor did something.</summary>
public enum ActorKind
{
    /// <summary>Nobody who could be told: no credential, or none that is valid.</summary>
    Anonymous,

    /// <summary>A merchant's or an auditor's API key.</summary>
    ApiKey,

    /// <summary>A user of a merchant.</summary>
    User,

    /// <summary>A person with access to the machine, by a command.</summary>
    Operator,

    /// <summary>A report generator.</summary>
    Generator,

    /// <summary>The service itself.</summary>
    Service,
}

/// <summary>
/// Who did something. Never a person's name: a principal's id, which a side table may tie to a person.
/// </summary>
/// <param name="Kind">The kind of actor.</param>
/// <param name="Id">The principal's id, or the name of the part of the system.</param>
/// <param name="Credential">The credential used, when there was one: its id, never its secret.</param>
public sealed record Actor(ActorKind Kind, string Id, string? Credential = null)
{
    /// <summary>A caller without a valid credential.</summary>
    public static Actor Anonymous { get; } = new(ActorKind.Anonymous, "anonymous");

    /// <summary>The service itself.</summary>
    public static Actor Service { get; } = new(ActorKind.Service, "reports");

    /// <summary>Whoever gives commands on the machine.</summary>
    public static Actor Operator { get; } = new(ActorKind.Operator, "operator");
}
