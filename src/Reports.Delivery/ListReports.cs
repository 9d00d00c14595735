using System.Globalization;
using System.Text.RegularExpressions;
using FluentValidation;
using MediatR;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Delivery;

/// <summary>A page of the caller's finished reports, newest first (<c>docs/contract.md</c> section 3).</summary>
internal static class ListReports
{
    public const string Path = "/b/api/v1/reports/files/";
    public const int DefaultLimit = 50;
    public const int MaximumLimit = 200;
    private static readonly TimeSpan DefaultWindow = TimeSpan.FromDays(30);

    /// <summary>The parameters as they were sent; the names are those of the address.</summary>
    internal sealed record Query(
        string? CreatedAfter, string? CreatedBefore, string? Interval, string? Source, string? Limit, string? Offset)
        : IRequest<Page>;

    internal sealed record Page(
        ReportFilter Filter, int Limit, long Offset, long Count, IReadOnlyList<FinishedReport> Rows);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.CreatedAfter).Must(t => t is null || IsTime(t)).WithMessage(TimeMessage)
                .OverridePropertyName("created_after");
            RuleFor(q => q.CreatedBefore).Must(t => t is null || IsTime(t)).WithMessage(TimeMessage)
                .OverridePropertyName("created_before");
            RuleFor(q => q.Interval).Must(i => i is null || ContractWords.Parse<ReportInterval>(i) is not null)
                .WithMessage("must be daily, weekly, monthly, yearly or custom").OverridePropertyName("interval");
            RuleFor(q => q.Source).Must(s => s is null || ContractWords.Parse<ReportSource>(s) is not null)
                .WithMessage("must be auto or manual").OverridePropertyName("source");
            RuleFor(q => q.Limit).Must(n => n is null || Number(n) >= 1)
                .WithMessage("must be a whole number, at least 1").OverridePropertyName("limit");
            RuleFor(q => q.Offset).Must(n => n is null || Number(n) >= 0)
                .WithMessage("must be a whole number, at least 0").OverridePropertyName("offset");
        }

        private const string TimeMessage = "must be a date (2026-11-01) or an RFC 3339 instant (2026-11-01T00:00:00Z); "
            + "a plus sign in an address is written %2B";

        private static bool IsTime(string text) => Times.Day(text) is not null || Times.Instant(text) is not null;
    }

    internal sealed class Handler(FinishedReports reports, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Query, Page>
    {
        public async Task<Page> Handle(Query query, CancellationToken cancellationToken)
        {
            var filter = Decide(query, current.RequiredTenant, current.Required.TimeZone, clock.GetUtcNow());
            var limit = (int)Math.Min(MaximumLimit, Number(query.Limit) ?? DefaultLimit);
            var offset = Number(query.Offset) ?? 0;
            var (count, rows) = await reports.PageAsync(filter, limit, offset, cancellationToken);
            return new Page(filter, limit, offset, count, rows);
        }
    }

    /// <summary>The bounds that are meant. A date stands for its whole local day; an instant is inclusive.</summary>
    internal static ReportFilter Decide(Query query, Guid merchant, string timeZone, DateTimeOffset now)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(timeZone);
        var isUnbounded = query.CreatedAfter is null && query.CreatedBefore is null;
        var from = query.CreatedAfter switch
        {
            { } text when Times.Day(text) is { } day => Times.Start(day, zone),
            { } text => Times.Instant(text)!.Value,
            null => isUnbounded ? now - DefaultWindow : Times.Earliest,
        };
        var until = query.CreatedBefore switch
        {
            { } text when Times.Day(text) is { } day => Times.End(day, zone),
            { } text => Times.Instant(text)!.Value.AddMicroseconds(1),
            null => Times.Latest,
        };
        if (until <= from)
        {
            throw new ProblemException(Problem.InvalidParameters with
            {
                Detail = "created_before is earlier than created_after",
                Errors = new Dictionary<string, string[]>
                {
                    ["created_before"] = ["must not be earlier than created_after"],
                },
            });
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
            Single(parameters, "interval"),
            Single(parameters, "source"),
            Single(parameters, "limit"),
            Single(parameters, "offset"));
        var page = await sender.Send(query, cancellation);
        return Results.Json(
            presenter.Body(http, page, Link(http, query, page)), DeliveryJson.Plain.ReportList);
    }

    // Links keep what was sent. What was left to default is frozen, so that a walk sees one window.
    private static Func<long, string> Link(HttpContext http, Query query, Page page) => offset =>
    {
        var isWindowed = query.CreatedAfter is null && query.CreatedBefore is null;
        var parameters = new Dictionary<string, string?>
        {
            ["created_after"] = isWindowed ? Times.Text(page.Filter.From) : query.CreatedAfter,
            ["created_before"] = query.CreatedBefore,
            ["interval"] = page.Filter.Interval,
            ["source"] = page.Filter.Source,
            ["limit"] = page.Limit.ToString(CultureInfo.InvariantCulture),
            ["offset"] = offset.ToString(CultureInfo.InvariantCulture),
        };
        return QueryHelpers.AddQueryString(Path, parameters.Where(p => p.Value is not null));
    };

    private static string? Single(IQueryCollection parameters, string name) => parameters[name] switch
    {
        [] => null,
        [var value] => value,
        _ => throw new ProblemException(Problem.InvalidParameters with
        {
            Detail = $"{name} is given more than once",
            Errors = new Dictionary<string, string[]> { [name] = ["must be given once"] },
        }),
    };

    // Any run of digits is a number, however large; its size is limited where it is used.
    private static long? Number(string? text) =>
        text is { Length: > 0 } && text.All(char.IsAsciiDigit)
            ? long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : long.MaxValue
            : null;
}

/// <summary>Dates and instants as the addresses of the API write them.</summary>
internal static partial class Times
{
    public static readonly DateTimeOffset Earliest = new(1, 1, 2, 0, 0, 0, TimeSpan.Zero);
    public static readonly DateTimeOffset Latest = new(9999, 12, 30, 0, 0, 0, TimeSpan.Zero);

    // The years 1 and 9999 stand for ever, and no zone can move anything out of the calendar.
    private static readonly DateTimeOffset LastStart = Latest.AddDays(-1);

    private static readonly string[] InstantFormats =
        ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    [GeneratedRegex(@"(?<=\.[0-9]{7})[0-9]+(?=[^0-9])")]
    private static partial Regex BeyondTicks();

    /// <summary>A date; null when the text is none.</summary>
    public static DateOnly? Day(string text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            ? day
            : null;

    /// <summary>The first instant of a local day.</summary>
    public static DateTimeOffset Start(DateOnly day, TimeZoneInfo zone) => day.Year switch
    {
        1 => Earliest,
        9999 => LastStart,
        _ => LocalDays.Start(day, zone),
    };

    /// <summary>The first instant after a local day.</summary>
    public static DateTimeOffset End(DateOnly day, TimeZoneInfo zone) =>
        day.Year < Latest.Year ? LocalDays.Start(day.AddDays(1), zone) : Latest;

    /// <summary>An RFC 3339 instant; its offset must be written.</summary>
    public static DateTimeOffset? Instant(string text)
    {
        var hasOffset = text.Length > 19
            && (text.EndsWith('Z') || text.EndsWith('z') || text[^6] is '+' or '-');
        return hasOffset
            && DateTimeOffset.TryParseExact(
                BeyondTicks().Replace(text.ToUpperInvariant(), ""), InstantFormats, CultureInfo.InvariantCulture,
                DateTimeStyles.None, out var at)
            ? at < Earliest ? Earliest : at > LastStart ? LastStart : at
            : null;
    }

    public static string Text(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture);
}
