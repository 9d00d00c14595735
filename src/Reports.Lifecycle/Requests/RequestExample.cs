using System.Text.Json.Nodes;
using Reports.Contracts;

namespace Reports.Lifecycle.Requests;

/// <summary>
/// The request that the OpenAPI document shows: of the real types, so that it cannot fall behind them.
/// </summary>
internal static class RequestExample
{
    public const string EncryptedId = "AVDYWOCYXsx_YEGKrwzFq1h_QsJXCohAlanozKzQ9lRc";
    public const string Address = "https://reports.example.com" + RequestEndpoints.Path + EncryptedId + "/";
    public const string IdempotencyKey = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    public const string Schedule = "019ab3e4-5c00-7d21-9f3e-2b8c6d1a4e70";

    private static readonly DateTime CreatedAt = new(2026, 11, 23, 9, 0, 0, DateTimeKind.Utc);

    /// <summary>A body that asks for something, with every field that goes together.</summary>
    public static JsonObject Body => new()
    {
        ["interval"] = "custom",
        ["first_day"] = "2026-11-01",
        ["last_day"] = "2026-11-15",
        ["format"] = "xlsx",
        ["time_zone"] = "Asia/Kuwait",
        ["locale"] = "ar",
        ["right_to_left"] = true,
        ["file_name_prefix"] = "settlement",
    };

    /// <summary>What is answered to it.</summary>
    public static ShownRequest Accepted { get; } = new(
        EncryptedId,
        ReportName: "settlement-2026-11-01_2026-11-15.xlsx",
        Status: "requested",
        Interval: ReportInterval.Custom.Word(),
        Source: ReportSource.Manual.Word(),
        FileFormat: ReportFormat.Xlsx.Word(),
        PeriodStart: new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.FromHours(3)),
        PeriodEnd: new DateTimeOffset(2026, 11, 16, 0, 0, 0, TimeSpan.FromHours(3)),
        TimeZone: "Asia/Kuwait",
        Columns: null,
        Locale: ReportLocale.Ar.Word(),
        ByteOrderMark: false,
        RightToLeft: true,
        ScheduleId: null,
        CreatedAt,
        StartedAt: null,
        EndedAt: null,
        Attempt: 1,
        RetryAt: null,
        Progress: null,
        Failure: null,
        ExpiresAt: null,
        Links: null);

    /// <summary>The same a little later: a try has failed, and the next is under way.</summary>
    public static ShownRequest Generating { get; } = Accepted with
    {
        Status = "generating",
        StartedAt = CreatedAt.AddSeconds(62),
        Attempt = 2,
        Progress = new(Records: 4200, ExpectedRecords: 10_500, Percent: 40, HeardAt: CreatedAt.AddSeconds(75)),
        Failure = new("timeout", "Nothing was heard of the generator for 300 s.", Retryable: true, Attempt: 1),
    };

    public static RequestList List { get; } = new(
        Count: 71,
        Next: $"https://reports.example.com{RequestEndpoints.Path}?status=requested%2Cgenerating&limit=50&cursor=ASJ0f2mA6sXo1i0Hk2",
        Previous: null,
        Results: [Generating]);
}
