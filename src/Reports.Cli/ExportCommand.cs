using System.Globalization;
using System.Net;
using Reports.Ledger;

namespace Reports.Cli;

/// <summary>Exports the audit of a service into a folder.</summary>
internal static class ExportCommand
{
    public static async Task<int> RunAsync(
        string path, string? url, string? key, Guid? merchant, CancellationToken cancellation)
    {
        var screen = new Screen();
        try
        {
            using var http = Http(url);
            var folder = new ExportFolder(path);
            Directory.CreateDirectory(folder.Keys);
            using var alone = Alone(path);
            var client = new AuditClient(http, Key(key), screen.Remark, TimeProvider.System);
            var export = new AuditExport(
                client, folder, http.BaseAddress!.ToString(), screen.Remark, screen.Progress, TimeProvider.System);
            var description = await screen.RunAsync(AuditExport.Parts, () => export.RunAsync(merchant, cancellation));
            screen.Line(
                Text($"{path} has the record up to the sequence {description.Sequence}, {description.Size:N0} leaves. ")
                + (description.Scope == ExportDescription.All
                    ? $"`audit verify {path}` verifies it."
                    : $"`audit verify {path} --merchant {description.Scope}` verifies it."));
            return 0;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            screen.Remark("Interrupted. The same command goes on from here.");
            return Commands.Failed;
        }
        catch (Exception e)
            when (e is CommandFailedException or UnusableExportException or IOException or UnauthorizedAccessException)
        {
            screen.Remark(e.Message);
            return Commands.Failed;
        }
    }

    /// <summary>What asks the service: it follows no address that others name, for the key goes along.</summary>
    internal static HttpClient Http(string? url)
    {
        if (string.IsNullOrWhiteSpace(url))
        {
            throw new CommandFailedException("Which service? Set REPORTS_URL, or give --url.");
        }

        if (!Uri.TryCreate(url.TrimEnd('/') + "/", UriKind.Absolute, out var address)
            || address.Scheme is not ("http" or "https"))
        {
            throw new CommandFailedException($"{url} is no address of a service, as https://reports.example is one.");
        }

        return new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.All,
        })
        {
            BaseAddress = address,
            Timeout = Timeout.InfiniteTimeSpan, // a stream of events takes as long as it takes; silence ends it
        };
    }

    private static string Key(string? key) => string.IsNullOrWhiteSpace(key)
        ? throw new CommandFailedException("Which key? Set REPORTS_AUDITOR_KEY to an auditor's, or give --api-key.")
        : key.Trim().All(char.IsAscii) && !key.Trim().Any(char.IsControl) ? key.Trim()
        : throw new CommandFailedException("The key holds characters that no key has.");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    // Two at once would write the same lines twice.
    private static FileStream Alone(string path)
    {
        try
        {
            return new FileStream(
                Path.Combine(path, ".lock"),
                FileMode.OpenOrCreate,
                FileAccess.ReadWrite,
                FileShare.None,
                1,
                FileOptions.DeleteOnClose);
        }
        catch (IOException)
        {
            throw new CommandFailedException($"Another export into {path} is running.");
        }
    }
}
