using System.Globalization;
using Reports.BuildingBlocks;

namespace Reports.Delivery;

/// <summary>
/// The three ways through the list: by offset, by cursor, and since a watermark
/// (<c>docs/adr/0012-walks-and-watermarks.md</c>).
/// </summary>
internal sealed class ListWalks(FinishedReports reports, PageMarks marks)
{
    public async Task<ListReports.Page> AtOffsetAsync(
        ReportFilter filter, int limit, ListReports.Query kept, CancellationToken cancellation)
    {
        var offset = Parameters.Number(kept.Offset) ?? 0;
        var page = await reports.PageAsync(filter, limit, offset, cancellation);

        // What finishes during the walk may be on none of its pages: the watermark is that of its first page.
        var watermark = kept.Watermark is { } frozen
            ? Opened("watermark", frozen, marks.OpenWatermark(filter.Merchant, frozen))
            : Watermark.After(page.Snapshot);
        var text = marks.Seal(filter.Merchant, watermark);
        return Page(page, offset, limit, kept, text);
    }

    /// <summary>A page by offset, with what leads to the pages before and after it.</summary>
    public static ListReports.Page Page(
        ReportPage page, long offset, int limit, ListReports.Query kept, string watermark)
    {
        ListReports.Query At(long other) => kept with
        {
            Offset = other.ToString(CultureInfo.InvariantCulture),
            Watermark = watermark.Length > 0 ? watermark : null,
        };
        return new ListReports.Page(
            page.Count,
            page.Rows,
            page.HasMore ? At(offset + limit) : null,
            offset > 0 ? At(Math.Max(0, Math.Min(offset, page.Count) - limit)) : null,
            watermark);
    }

    public async Task<ListReports.Page> AtCursorAsync(
        ReportFilter filter,
        int limit,
        ListReports.Query kept,
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
            throw Parameters.Invalid("cursor", "belongs to a list with other filters");
        }

        var page = await reports.PageAsync(filter, limit, place, cancellation);
        var began = place is null ? page.Snapshot : Snapshot.Parse(place.Began);
        ListReports.Query At(FinishedReport row, bool isBackward)
        {
            var there = new Cursor(
                filter, place?.IsDefaultWindow ?? isDefaultWindow, row.CreatedAt, row.Id, isBackward,
                began.Text);
            return kept with { Cursor = marks.Seal(filter.Merchant, there) };
        }

        var (hasNext, hasPrevious) = place switch
        {
            null => (page.HasMore, false),
            { IsBackward: true } => (true, page.HasMore),
            _ => (page.HasMore, true),
        };
        return new ListReports.Page(
            page.Count,
            page.Rows,
            hasNext && page.Rows is [.., var last] ? At(last, isBackward: false) : null,
            hasPrevious && page.Rows is [var first, ..] ? At(first, isBackward: true) : null,
            marks.Seal(filter.Merchant, Watermark.After(began)));
    }

    public async Task<ListReports.Page> SinceAsync(
        ReportFilter filter, int limit, ListReports.Query kept, string since, CancellationToken cancellation)
    {
        var from = Opened("since", since, marks.OpenWatermark(filter.Merchant, since));
        var page = await reports.PageAsync(filter, limit, Parameters.Number(kept.Offset) ?? 0, from, cancellation);
        if (from.Xid > page.Snapshot.Xmax)
        {
            throw Parameters.Invalid("since", "is of an earlier database of this service; list anew");
        }

        // A page says of itself what it showed, so that whoever goes on from it misses nothing.
        var watermark = marks.Seal(
            filter.Merchant,
            page.HasMore ? from.MoveTo(page.LastXid, page.Rows[^1].Number) : from.MoveTo(page.Snapshot.Xmin, -1));
        return new ListReports.Page(
            page.Count,
            page.Rows,
            page.HasMore ? kept with { Since = watermark, Offset = null } : null,
            Previous: null,
            watermark);
    }

    private static T Opened<T>(string name, string text, T? mark)
        where T : class => mark ?? throw Parameters.Invalid(
            name, text.Length == 0 ? "must not be empty" : "is not one that this service made for you");
}
