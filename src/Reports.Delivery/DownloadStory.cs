using System.Globalization;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Delivery;

/// <summary>Tells the events of downloads, one sentence each.</summary>
internal static class DownloadStory
{
    public static string Sentence(object e) => e switch
    {
        DownloadAttempted a => Text($"{Who(a.By)} asked for the file ({a.Method}, by {Named(a.Locator)})."),
        ReportDownloaded d => d.Outcome switch
        {
            DownloadOutcome.Complete =>
                Text($"The whole file was given: {d.BytesSent} bytes in {d.DurationMs} ms ({d.Status})."),
            DownloadOutcome.Partial =>
                Text($"Bytes {d.Range?.First} to {d.Range?.Last} were given in {d.DurationMs} ms ({d.Status})."),
            DownloadOutcome.Head => Text($"The headers alone were given ({d.Status})."),
            DownloadOutcome.NotModified => Text($"The caller had the file already ({d.Status})."),
        },
        ReportDownloadFailed f => f.Outcome switch
        {
            DownloadFailure.Refused => Text($"The download was refused: {f.Status} {f.Code}."),
            DownloadFailure.Aborted => Text($"The client hung up after {f.BytesSent} bytes."),
            DownloadFailure.Corrupt =>
                Text($"The connection was cut after {f.BytesSent} bytes, because the file was not as recorded."),
            DownloadFailure.Interrupted => "The node that answered stopped or died before the end.",
        },
        IntegrityFailed i => Text($"The stored file was found {i.Finding} at byte {i.Offset}."),
        _ => "Something happened that is no part of a download.",
    };

    private static string Named(LocatorKind locator) => locator switch
    {
        LocatorKind.Token => "a download token",
        LocatorKind.EncryptedId => "the report's id",
        LocatorKind.Malformed => "what names no report",
    };

    private static string Who(Actor by) => by.Kind switch
    {
        ActorKind.ApiKey => $"The holder of API key {by.Id}",
        ActorKind.User => $"The user {by.Id}",
        ActorKind.Anonymous => "Somebody unknown",
        _ => by.Id,
    };

    private static string Text(FormattableString sentence) => sentence.ToString(CultureInfo.InvariantCulture);
}
