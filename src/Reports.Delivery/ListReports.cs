using System.Globalization;
using FluentValidation;
using MediatR;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Delivery;

/// <summary>
/// A page of the caller's finished reports (<c>docs/contract.md</c> section 3): newest first, by offset or by cursor, or
/// in the order in which they were finished, since a watermark.
/// </summary>
internal static class ListReports
{
    public const string Path = "/b/api/v1/reports/files/";
    public const int DefaultLimit = 50;
    public const int MaximumLimit = 200;
    private static readonly TimeSpan DefaultWindow = TimeSpan.FromDays(30);

    /// <summary>The parameters as they were sent; the names are those of the address.</summary>
    internal sealed record Query(
        string? CreatedAfter = null,
        string? CreatedBefore = null,
        string? TimeZone = null,
        string? Interval = null,
        string? Source = null,
        string? Limit = null,
        string? Offset = null,
        string? Cursor = null,
        string? Since = null,
        string? Watermark = null) : IRequest<Page>
    {
        /// <summary>Whether the window is left to default.</summary>
        public bool IsDefaultWindow => CreatedAfter is null && CreatedBefore is null && Since is null;
    }

    /// <summary>A page, and the parameters of the pages before and after it; none at the ends.</summary>
    internal sealed record Page(
        long Count, IReadOnlyList<FinishedReport> Rows, Query? Next, Query? Previous, string Watermark);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.CreatedAfter).Must(t => t is null || IsTime(t)).WithMessage(TimeMessage)
                .OverridePropertyName("created_after");
            RuleFor(q => q.CreatedBefore).Must(t => t is null || IsTime(t)).WithMessage(TimeMessage)
                .OverridePropertyName("created_before");
            RuleFor(q => q.TimeZone).Must(z => z is null || Times.Zone(z) is not null)
                .WithMessage("must be the IANA name of a time zone, such as Asia/Kuwait").OverridePropertyName("tz");
            RuleFor(q => q.Interval).Must(i => i is null || ContractWords.Parse<ReportInterval>(i) is not null)
                .WithMessage("must be daily, weekly, monthly, yearly or custom").OverridePropertyName("interval");
            RuleFor(q => q.Source).Must(s => s is null || ContractWords.Parse<ReportSource>(s) is not null)
                .WithMessage("must be auto or manual").OverridePropertyName("source");
            RuleFor(q => q.Limit).Must(n => n is null || Parameters.Number(n) >= 1)
                .WithMessage("must be a whole number, at least 1").OverridePropertyName("limit");
            RuleFor(q => q.Offset).Must(n => n is null || Parameters.Number(n) >= 0)
                .WithMessage("must be a whole number, at least 0").OverridePropertyName("offset");
            RuleFor(q => q.Cursor).Must((q, cursor) => cursor is null || q.Offset is null)
                .WithMessage("cannot be combined with offset").OverridePropertyName("cursor");
            RuleFor(q => q.Since).Must((q, since) => since is null || q.Cursor is null)
                .WithMessage("cannot be combined with cursor").OverridePropertyName("since");
        }

        private const string TimeMessage = "must be a date (2026-11-01) or an RFC 3339 instant (2026-11-01T00:00:00Z); "
            + "a plus sign in an address is written %2B";

        private static bool IsTime(string text) => Times.Day(text) is not null || Times.Instant(text) is not null;
    }

    internal sealed class Handler(ListWalks walks, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Query, Page>
    {
        public async Task<Page> Handle(Query query, CancellationToken cancellationToken)
        {
            var filter = Decide(query, current.RequiredTenant, current.Required.TimeZone, clock.GetUtcNow());
            var (limit, kept) = Kept(query, filter);
            return query switch
            {
                { Since: { } since } => await walks.SinceAsync(filter, limit, kept, since, cancellationToken),
                { Cursor: { } cursor } =>
                    await walks.AtCursorAsync(filter, limit, kept, cursor, query.IsDefaultWindow, cancellationToken),
                _ => await walks.AtOffsetAsync(filter, limit, kept, cancellationToken),
            };
        }
    }

    /// <summary>
    /// How many rows a page has, and what its links keep: what was sent. What was left to default is frozen, so that a
    /// walk sees one window.
    /// </summary>
    internal static (int Limit, Query Kept) Kept(Query query, ReportFilter filter)
    {
        var limit = (int)Math.Min(MaximumLimit, Parameters.Number(query.Limit) ?? DefaultLimit);
        return (limit, query with
        {
            CreatedAfter = query.IsDefaultWindow ? Times.Text(filter.From) : query.CreatedAfter,
            Interval = filter.Interval,
            Source = filter.Source,
            Limit = limit.ToString(CultureInfo.InvariantCulture),
        });
    }

    /// <summary>The bounds that are meant. A date stands for its whole local day; an instant is inclusive.</summary>
    internal static ReportFilter Decide(Query query, Guid merchant, string timeZone, DateTimeOffset now)
    {
        var zone = Times.Zone(query.TimeZone ?? timeZone)!;
        var from = query.CreatedAfter switch
        {
            { } text when Times.Day(text) is { } day => Times.Start(day, zone),
            { } text => Times.Instant(text)!.Value,
            null => query.IsDefaultWindow ? now - DefaultWindow : Times.Earliest,
        };
        var until = query.CreatedBefore switch
        {
            { } text when Times.Day(text) is { } day => Times.End(day, zone),
            { } text => Times.Instant(text)!.Value.AddMicroseconds(1),
            null => Times.Latest,
        };
        if (until <= from)
        {
            throw Parameters.Invalid(
                "created_before", "must not be earlier than created_after", "created_before is earlier than created_after");
        }

        return new ReportFilter(
            merchant,
            from,
            until,
            query.Interval is { } interval ? ContractWords.Parse<ReportInterval>(interval)!.Value.Word() : null,
            query.Source is { } source ? ContractWords.Parse<ReportSource>(source)!.Value.Word() : null);
    }

    internal static async Task<IResult> Endpoint(
        HttpContext http, ISender sender, ReportPresenter presenter, CancellationToken cancellation)
    {
        var parameters = http.Request.Query;
        var query = new Query(
            Parameters.Once(parameters, "created_after"),
            Parameters.Once(parameters, "created_before"),
            Parameters.Once(parameters, "tz"),
            Parameters.Once(parameters, "interval"),
            Parameters.Once(parameters, "source"),
            Parameters.Once(parameters, "limit"),
            Parameters.Once(parameters, "offset"),
            Parameters.Once(parameters, "cursor"),
            Parameters.Once(parameters, "since"),
            Parameters.Once(parameters, "watermark"));
        var list = presenter.List(http.Request, await sender.Send(query, cancellation));
        if (Parameters.Links(list.Next, list.Previous) is { Length: > 0 } links)
        {
            http.Response.Headers.Link = links;
        }

        return DeliveryJson.Answer(list, DeliveryJson.Default.ReportList);
    }

    /// <summary>The address of a page, below the public address of the service.</summary>
    internal static string PathOf(Query query) => QueryHelpers.AddQueryString(
        Path,
        new Dictionary<string, string?>
        {
            ["created_after"] = query.CreatedAfter,
            ["created_before"] = query.CreatedBefore,
            ["tz"] = query.TimeZone,
            ["interval"] = query.Interval,
            ["source"] = query.Source,
            ["limit"] = query.Limit,
            ["offset"] = query.Offset,
            ["cursor"] = query.Cursor,
            ["since"] = query.Since,
            ["watermark"] = query.Watermark,
        }.Where(p => p.Value is not null));
}
