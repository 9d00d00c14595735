using Reports.Contracts;

namespace Reports.Delivery;

/// <summary>
/// The report that the OpenAPI document shows: of the real types, so that it cannot fall behind them.
/// </summary>
internal static class DeliveryExample
{
    public const string Name = "settlement-2026-11-22.csv";
    public const string Sha256 = "bbd565b111ae3978ac153db249d4573a7e4e970e3567280722ce4a6ad877303c";
    public const string Token = "3f8a1c52-9b07-4e6d-8a41-c2d95e0b7f16";
    public const string EncryptedId = "AVDYWOCYXsx_YEGKrwzFq1h_QsJXCohAlanozKzQ9lRc";
    public const string Watermark = "ASJ0f2mA6sXo1i0Hk2nQ5m4nP3v8xq7d1JwEyrTzK0cVgB9uLhWfaDs";
    public const string DownloadId = "019ab3e4-5c00-7d21-9f3e-2b8c6d1a4e70";
    public const string Checkpoint = ":cmVwb3J0cy9sZWRnZXIKNwouLi4K:";
    public const long Size = 183_220;

    private const string Page = "https://reports.example.com" + ListReports.Path;

    public static DateTime FinishedAt { get; } = new(2026, 11, 23, 0, 5, 10, DateTimeKind.Utc);

    public static ListedReport Report { get; } = new(
        EncryptedId: EncryptedId,
        ReportName: Name,
        Interval: ReportInterval.Daily.Word(),
        Source: ReportSource.Auto.Word(),
        FileFormat: ReportFormat.Csv.Word(),
        RecordsAmount: 1204,
        Status: "finished",
        CreatedAt: FinishedAt.AddSeconds(-10),
        GeneratedAt: FinishedAt.AddSeconds(-1),
        FinishedAt: FinishedAt,
        PeriodStart: new DateTimeOffset(2026, 11, 22, 0, 0, 0, TimeSpan.FromHours(3)),
        PeriodEnd: new DateTimeOffset(2026, 11, 23, 0, 0, 0, TimeSpan.FromHours(3)),
        TimeZone: "Asia/Kuwait",
        FileSize: Size,
        Sha256: Sha256,
        ExpiresAt: FinishedAt.AddYears(1),
        DownloadAction: new DownloadAction("GET", $"{Page}{Token}/download/", FinishedAt.Date.AddHours(9.5)));

    public static ReportList List { get; } = new(
        Count: 243,
        Next: $"{Page}?created_after=2026-10-24T08%3A00%3A00Z&limit=50&offset=50&watermark={Watermark}",
        Previous: null,
        Results: [Report],
        Watermark: Watermark);
}
