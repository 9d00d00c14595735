using JasperFx.Events;
using Marten.Events.Aggregation;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Lifecycle;

/// <summary>How far a report has come.</summary>
internal enum ReportStatus
{
    /// <summary>Asked for; a generator has not answered yet.</summary>
    Requested,

    /// <summary>A generator says that the file is there; it is not checked yet.</summary>
    Generated,

    /// <summary>The file was checked and the report is listed.</summary>
    Finished,

    /// <summary>There will be no file.</summary>
    Failed,
}

/// <summary>A report as its events tell it: what decisions are made from.</summary>
internal sealed record Report(
    Guid Id,
    Guid MerchantId,
    ReportDescription Description,
    ReportStatus Status,
    int Attempt,
    ReportGenerated? Claim)
{
    /// <summary>The state after one more event. Events that say nothing of the state leave it as it is.</summary>
    public static Report? Fold(Report? report, object @event) => (report, @event) switch
    {
        (null, ReportRequested e) => new Report(e.ReportId, e.MerchantId, e.Report, ReportStatus.Requested, 1, null),
        (not null, ReportGenerated e) =>
            report with { Status = ReportStatus.Generated, Attempt = e.Attempt, Claim = e },
        (not null, ReportFinished) => report with { Status = ReportStatus.Finished },
        (not null, ReportGenerationFailed e) => report with { Status = ReportStatus.Failed, Attempt = e.Attempt },
        _ => report,
    };
}

/// <summary>Lets the event store fold a stream by <see cref="Report.Fold"/>.</summary>
internal sealed partial class ReportFold : SingleStreamProjection<Report, Guid>
{
    public override Report? Evolve(Report? snapshot, Guid id, IEvent e) => Report.Fold(snapshot, e.Data);
}
