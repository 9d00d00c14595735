using MediatR;
using Npgsql;

namespace Reports.Access;

/// <summary>Every merchant with its terms, the first registered first.</summary>
public static class ListMerchants
{
    /// <summary>The query.</summary>
    public sealed record Query : IRequest<IReadOnlyList<Row>>;

    /// <summary>A merchant.</summary>
    /// <param name="Id">Its id.</param>
    /// <param name="Name">The name of the business.</param>
    /// <param name="TimeZone">The IANA name of its time zone.</param>
    /// <param name="RetentionDays">For how many days the files of its reports are kept.</param>
    /// <param name="RequestsPerDay">Its own quota of requests; none for the installation's.</param>
    /// <param name="DownloadsPerHour">Its own quota of downloads; none for the installation's.</param>
    /// <param name="DisabledAt">Since when it is disabled; none when it is not.</param>
    public sealed record Row(
        Guid Id,
        string Name,
        string TimeZone,
        int? RetentionDays,
        int? RequestsPerDay,
        int? DownloadsPerHour,
        DateTimeOffset? DisabledAt);

    internal sealed class Handler(NpgsqlDataSource database) : IRequestHandler<Query, IReadOnlyList<Row>>
    {
        public async Task<IReadOnlyList<Row>> Handle(Query query, CancellationToken cancellationToken)
        {
            await using var command = database.CreateCommand(
                """
                select merchant_id, coalesce(name, ''), time_zone, retention_days, requests_per_day,
                       downloads_per_hour, disabled_at
                from reports.access_merchants order by merchant_id
                """);
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            var rows = new List<Row>();
            while (await row.ReadAsync(cancellationToken))
            {
                rows.Add(new Row(
                    row.GetGuid(0),
                    row.GetString(1),
                    row.GetString(2),
                    row.Optional<int>(3),
                    row.Optional<int>(4),
                    row.Optional<int>(5),
                    row.Optional<DateTimeOffset>(6)));
            }

            return rows;
        }
    }
}

/// <summary>Reads columns that can be null.</summary>
internal static class Columns
{
    public static T? Optional<T>(this NpgsqlDataReader row, int column)
        where T : struct => row.IsDBNull(column) ? null : row.GetFieldValue<T>(column);
}
