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
            RuleFor(q => q.Limit).Must(n => n is null || Number(n) >= 1)
                .WithMessage("must be a whole number, at least 1").OverridePropertyName("limit");
            RuleFor(q => q.Offset).Must(n => n is null || Number(n) >= 0)
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

    internal sealed class Handler(
        FinishedReports reports, PageMarks marks, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Query, Page>
    {
        public async Task<Page> Handle(Query query, CancellationToken cancellationToken)
        {
            var filter = Decide(query, current.RequiredTenant, current.Required.TimeZone, clock.GetUtcNow());
            var limit = (int)Math.Min(MaximumLimit, Number(query.Limit) ?? DefaultLimit);

            // Links keep what was sent. What was left to default is frozen, so that a walk sees one window.
            var kept = query with
            {
                CreatedAfter = query.IsDefaultWindow ? Times.Text(filter.From) : query.CreatedAfter,
                Interval = filter.Interval,
                Source = filter.Source,
                Limit = limit.ToString(CultureInfo.InvariantCulture),
            };
            return query switch
            {
                { Since: { } since } => await SinceAsync(filter, limit, kept, since, cancellationToken),
                { Cursor: { } cursor } =>
                    await AtCursorAsync(filter, limit, kept, cursor, query.IsDefaultWindow, cancellationToken),
                _ => await AtOffsetAsync(filter, limit, kept, cancellationToken),
            };
        }

        private async Task<Page> AtOffsetAsync(
            ReportFilter filter, int limit, Query kept, CancellationToken cancellation)
        {
            var offset = Number(kept.Offset) ?? 0;
            var page = await reports.PageAsync(filter, limit, offset, cancellation);

            // What finishes during the walk may be on none of its pages: the watermark is that of its first page.
            var watermark = kept.Watermark is { } frozen
                ? Opened("watermark", frozen, marks.OpenWatermark(filter.Merchant, frozen))
                : Watermark.After(page.Snapshot);
            var text = marks.Seal(filter.Merchant, watermark);
            Query At(long other) => kept with
            {
                Offset = other.ToString(CultureInfo.InvariantCulture),
                Watermark = text,
            };
            return new Page(
                page.Count,
                page.Rows,
                page.HasMore ? At(offset + limit) : null,
                offset > 0 ? At(Math.Max(0, Math.Min(offset, page.Count) - limit)) : null,
                text);
        }

        private async Task<Page> AtCursorAsync(
            ReportFilter filter,
            int limit,
            Query kept,
            string cursor,
            bool isDefaultWindow,
            CancellationToken cancellation)
        {
            var place = cursor.Length == 0
                ? null
                : Opened("cursor", cursor, marks.OpenCursor(filter.Merchant, cursor));
            if (place is not null && isDefaultWindow && place.IsDefaultWindow)
            {
                filter = filter with { From = place.Filter.From };
                kept = kept with { CreatedAfter = Times.Text(filter.From) };
            }

            if (place is not null && place.Filter != filter)
            {
                throw Invalid("cursor", "belongs to a list with other filters");
            }

            var page = await reports.PageAsync(filter, limit, place, cancellation);
            var watermark = place?.Watermark ?? Watermark.After(page.Snapshot);
            Query At(FinishedReport row, bool isBackward)
            {
                var there = new Cursor(
                    filter, place?.IsDefaultWindow ?? isDefaultWindow, row.CreatedAt, row.Id, isBackward,
                    place?.Began ?? page.Snapshot.Text, watermark);
                return kept with { Cursor = marks.Seal(filter.Merchant, there) };
            }

            var (hasNext, hasPrevious) = place switch
            {
                null => (page.HasMore, false),
                { IsBackward: true } => (true, page.HasMore),
                _ => (page.HasMore, true),
            };
            return new Page(
                page.Count,
                page.Rows,
                hasNext && page.Rows is [.., var last] ? At(last, isBackward: false) : null,
                hasPrevious && page.Rows is [var first, ..] ? At(first, isBackward: true) : null,
                marks.Seal(filter.Merchant, watermark));
        }

        private async Task<Page> SinceAsync(
            ReportFilter filter, int limit, Query kept, string since, CancellationToken cancellation)
        {
            var from = Opened("since", since, marks.OpenWatermark(filter.Merchant, since));
            var page = await reports.PageAsync(filter, limit, Number(kept.Offset) ?? 0, from, cancellation);
            if (from.Xid > page.Snapshot.Xmax)
            {
                throw Invalid("since", "is of an earlier database of this service; list anew");
            }

            // A page says of itself what it showed, so that whoever goes on from it misses nothing.
            var watermark = marks.Seal(
                filter.Merchant,
                page.HasMore ? from.MoveTo(page.LastXid, page.Rows[^1].Number) : from.MoveTo(page.Snapshot.Xmin, -1));
            return new Page(
                page.Count,
                page.Rows,
                page.HasMore ? kept with { Since = watermark, Offset = null } : null,
                Previous: null,
                watermark);
        }
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
            throw Invalid(
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
            Single(parameters, "created_after"),
            Single(parameters, "created_before"),
            Single(parameters, "tz"),
            Single(parameters, "interval"),
            Single(parameters, "source"),
            Single(parameters, "limit"),
            Single(parameters, "offset"),
            Single(parameters, "cursor"),
            Single(parameters, "since"),
            Single(parameters, "watermark"));
        var list = presenter.List(http.Request, await sender.Send(query, cancellation));
        if (Links(list) is { Length: > 0 } links)
        {
            http.Response.Headers.Link = links;
        }

        return Results.Json(list, DeliveryJson.Plain.ReportList);
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

    // RFC 8288, one relation for each link.
    private static string Links(ReportList list) => string.Join(
        ", ",
        new[] { (Url: list.Next, Relation: "next"), (Url: list.Previous, Relation: "prev") }
            .Where(link => link.Url is not null)
            .Select(link => $"<{link.Url}>; rel=\"{link.Relation}\""));

    private static string? Single(IQueryCollection parameters, string name) => parameters[name] switch
    {
        [] => null,
        [var value] => value,
        _ => throw Invalid(name, "must be given once"),
    };

    private static T Opened<T>(string name, string text, T? mark)
        where T : class => mark ?? throw Invalid(
            name, text.Length == 0 ? "must not be empty" : "is not one that this service made for you");

    private static ProblemException Invalid(string name, string finding, string? detail = null) => new(
        Problem.InvalidParameters with
        {
            Detail = detail ?? $"{name} {finding}",
            Errors = new Dictionary<string, string[]> { [name] = [finding] },
        });

    // Any run of digits is a number, however large; its size is limited where it is used.
    private static long? Number(string? text) =>
        text is { Length: > 0 } && text.All(char.IsAsciiDigit)
            ? long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : long.MaxValue
            : null;
}
