namespace Reports.Contracts.Messages;

/// <summary>Asks a generator for a report's file.</summary>
/// <param name="ReportId">The report.</param>
/// <param name="MerchantId">The merchant whose transactions it covers.</param>
/// <param name="Attempt">Which try this is, counted from 1.</param>
/// <param name="Grant">
/// The sealed right to answer for this report and attempt and to write below <paramref name="StoragePrefix"/>. Every
/// answer carries it back unchanged.
/// </param>
/// <param name="StoragePrefix">
/// Where the file is to be written: a prefix of storage keys that ends with a slash.
/// </param>
/// <param name="Interval">The kind of period.</param>
/// <param name="Format">The format of the file.</param>
/// <param name="Layout">The look of the file.</param>
/// <param name="Period">The period to cover.</param>
[MessageName("reports.generate-report.v1")]
public sealed record GenerateReport(
    Guid ReportId,
    Guid MerchantId,
    int Attempt,
    string Grant,
    string StoragePrefix,
    ReportInterval Interval,
    ReportFormat Format,
    ReportLayout Layout,
    ReportPeriod Period)
{
    /// <summary>Without the grant: whoever reads it in a log could answer.</summary>
    /// <returns>Name, report and attempt.</returns>
    public override string ToString() => $"{nameof(GenerateReport)} {ReportId}, attempt {Attempt}";
}

/// <summary>A generator's answer: the file is written.</summary>
/// <param name="ReportId">The report.</param>
/// <param name="Attempt">The attempt, as it was asked.</param>
/// <param name="Grant">The grant, as it was given.</param>
/// <param name="Generator">The generator's name and version.</param>
/// <param name="FileName">The file's name below the granted prefix: one segment, no slash.</param>
/// <param name="FileSize">Its length in bytes.</param>
/// <param name="Sha256">Its SHA-256, lower-case hex.</param>
/// <param name="Records">Its number of data rows: the header does not count.</param>
/// <param name="Totals">The sums of its rows, by currency.</param>
[MessageName("reports.generation-completed.v1")]
public sealed record GenerationCompleted(
    Guid ReportId,
    int Attempt,
    string Grant,
    string Generator,
    string FileName,
    long FileSize,
    string Sha256,
    long Records,
    IReadOnlyList<ControlTotal> Totals)
{
    /// <summary>Without the grant: whoever reads it in a log could answer.</summary>
    /// <returns>Name, report and attempt.</returns>
    public override string ToString() => $"{nameof(GenerationCompleted)} {ReportId}, attempt {Attempt}";
}

/// <summary>A generator's answer: there is no file.</summary>
/// <param name="ReportId">The report.</param>
/// <param name="Attempt">The attempt, as it was asked.</param>
/// <param name="Grant">The grant, as it was given.</param>
/// <param name="Generator">The generator's name and version.</param>
/// <param name="Code">A fixed word for the reason, for example <c>unsupported_format</c>.</param>
/// <param name="Message">The reason for a person; shown to the merchant.</param>
/// <param name="Retryable">Whether another try could help.</param>
[MessageName("reports.generation-failed.v1")]
public sealed record GenerationFailed(
    Guid ReportId,
    int Attempt,
    string Grant,
    string Generator,
    string Code,
    string Message,
    bool Retryable)
{
    /// <summary>Without the grant: whoever reads it in a log could answer.</summary>
    /// <returns>Name, report and attempt.</returns>
    public override string ToString() => $"{nameof(GenerationFailed)} {ReportId}, attempt {Attempt}";
}
