using System.Globalization;
using FluentValidation;
using MediatR;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Lifecycle.Requests;

/// <summary>A page of the caller's requests in every state, newest first.</summary>
internal static class ListRequests
{
    public const int DefaultLimit = 50;
    public const int MaximumLimit = 200;

    /// <summary>What a request can be, to whom asks.</summary>
    public static readonly string[] Statuses =
        ["requested", "generating", "finished", "failed", "cancelled", "expired"];

    /// <summary>The parameters as they were sent; the names are those of the address.</summary>
    internal sealed record Query(
        string? Status = null,
        string? Source = null,
        string? Interval = null,
        string? Schedule = null,
        string? CreatedAfter = null,
        string? CreatedBefore = null,
        string? Limit = null,
        string? Cursor = null) : IRequest<Page>;

    /// <summary>A page, and the parameters of the pages before and after it; none at the ends.</summary>
    internal sealed record Page(long Count, IReadOnlyList<RequestRow> Rows, Query? Next, Query? Previous);

    internal sealed class Validator : AbstractValidator<Query>
    {
        private const string TimeMessage = "must be a date (2026-11-01) or an RFC 3339 instant (2026-11-01T00:00:00Z); "
            + "a plus sign in an address is written %2B";

        public Validator()
        {
            RuleFor(q => q.Status).Must(s => s is null || Words(s).All(Statuses.Contains))
                .WithMessage($"must be one or more of {string.Join(", ", Statuses)}, with commas between them")
                .OverridePropertyName("status");
            RuleFor(q => q.Source).Must(s => s is null || ContractWords.Parse<ReportSource>(s) is not null)
                .WithMessage("must be auto or manual").OverridePropertyName("source");
            RuleFor(q => q.Interval).Must(i => i is null || ContractWords.Parse<ReportInterval>(i) is not null)
                .WithMessage("must be daily, weekly, monthly, yearly or custom").OverridePropertyName("interval");
            RuleFor(q => q.Schedule).Must(s => s is null || Guid.TryParseExact(s, "D", out _))
                .WithMessage("must be the id of a schedule").OverridePropertyName("schedule");
            RuleFor(q => q.CreatedAfter).Must(t => t is null || IsTime(t)).WithMessage(TimeMessage)
                .OverridePropertyName("created_after");
            RuleFor(q => q.CreatedBefore).Must(t => t is null || IsTime(t)).WithMessage(TimeMessage)
                .OverridePropertyName("created_before");
            RuleFor(q => q.Limit).Must(n => n is null || Parameters.Number(n) >= 1)
                .WithMessage("must be a whole number, at least 1").OverridePropertyName("limit");
        }

        private static bool IsTime(string text) => Times.Day(text) is not null || Times.Instant(text) is not null;
    }

    internal sealed class Handler(RequestRows requests, RequestCursors cursors, CurrentCaller current)
        : IRequestHandler<Query, Page>
    {
        public async Task<Page> Handle(Query query, CancellationToken cancellationToken)
        {
            var filter = Decide(query, current.RequiredTenant, current.Required.TimeZone);
            var limit = (int)Math.Min(MaximumLimit, Parameters.Number(query.Limit) ?? DefaultLimit);
            var place = query.Cursor is { Length: > 0 } cursor ? cursors.Open(filter, cursor) : null;
            var page = await requests.PageAsync(filter, limit, place, cancellationToken);
            Query At(RequestRow row, bool isBackward) => query with
            {
                Limit = limit.ToString(CultureInfo.InvariantCulture),
                Cursor = cursors.Seal(new RequestCursor(filter, row.CreatedAt, row.Id, isBackward)),
            };
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
                hasPrevious && page.Rows is [var first, ..] ? At(first, isBackward: true) : null);
        }
    }

    /// <summary>What is meant. A date stands for its whole local day; an instant is inclusive.</summary>
    internal static RequestFilter Decide(Query query, Guid merchant, string timeZone)
    {
        var zone = Times.Zone(timeZone)!;
        var from = query.CreatedAfter switch
        {
            { } text when Times.Day(text) is { } day => Times.Start(day, zone),
            { } text => Times.Instant(text)!.Value,
            null => Times.Earliest,
        };
        var until = query.CreatedBefore switch
        {
            { } text when Times.Day(text) is { } day => Times.End(day, zone),
            { } text => Times.Instant(text)!.Value.AddMicroseconds(1),
            null => Times.Latest,
        };
        return until > from
            ? new RequestFilter(
                merchant,
                from,
                until,
                query.Status is { } status ? string.Join(',', Words(status).Distinct().Order(StringComparer.Ordinal)) : null,
                query.Interval is { } interval ? ContractWords.Parse<ReportInterval>(interval)!.Value.Word() : null,
                query.Source is { } source ? ContractWords.Parse<ReportSource>(source)!.Value.Word() : null,
                query.Schedule is { } schedule ? Guid.ParseExact(schedule, "D") : null)
            : throw Parameters.Invalid(
                "created_before", "must not be earlier than created_after", "created_before is earlier than created_after");
    }

    internal static async Task<IResult> Endpoint(
        HttpContext http, ISender sender, RequestPresenter presenter, CancellationToken cancellation)
    {
        string? Once(string name) => Parameters.Once(http.Request.Query, name);
        var query = new Query(
            Once("status"), Once("source"), Once("interval"), Once("schedule"), Once("created_after"),
            Once("created_before"), Once("limit"), Once("cursor"));
        var list = presenter.List(http.Request, await sender.Send(query, cancellation));
        if (Parameters.Links(list.Next, list.Previous) is { Length: > 0 } links)
        {
            http.Response.Headers.Link = links;
        }

        return Results.Json(list, RequestsJson.Plain.RequestList);
    }

    /// <summary>The address of a page, below the public address of the service.</summary>
    internal static string PathOf(Query query) => QueryHelpers.AddQueryString(
        RequestEndpoints.Path,
        new Dictionary<string, string?>
        {
            ["status"] = query.Status,
            ["source"] = query.Source,
            ["interval"] = query.Interval,
            ["schedule"] = query.Schedule,
            ["created_after"] = query.CreatedAfter,
            ["created_before"] = query.CreatedBefore,
            ["limit"] = query.Limit,
            ["cursor"] = query.Cursor,
        }.Where(p => p.Value is not null));

    private static string[] Words(string text) =>
        [.. text.Split(',', StringSplitOptions.TrimEntries).Select(word => word.ToLowerInvariant())];
}
