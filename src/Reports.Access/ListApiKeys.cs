using MediatR;
using Npgsql;
using Reports.BuildingBlocks;

namespace Reports.Access;

/// <summary>
/// The API keys of the current tenant, or all of them; the oldest first. No secret is among what is told.
/// </summary>
public static class ListApiKeys
{
    /// <summary>The query.</summary>
    public sealed record Query : IRequest<IReadOnlyList<Row>>;

    /// <summary>A key.</summary>
    /// <param name="KeyId">Its public part.</param>
    /// <param name="MerchantId">The merchant; none for an auditor of all.</param>
    /// <param name="Scopes">What it is for.</param>
    /// <param name="State">
    /// <c>live</c>, <c>replaced</c> (works until it expires), <c>expired</c>, <c>revoked</c>, or <c>disabled</c> with
    /// its merchant.
    /// </param>
    /// <param name="IssuedAt">When it was issued.</param>
    /// <param name="ExpiresAt">Until when it is valid; none for no end.</param>
    public sealed record Row(
        string KeyId,
        Guid? MerchantId,
        IReadOnlyList<string> Scopes,
        string State,
        DateTimeOffset? IssuedAt,
        DateTimeOffset? ExpiresAt);

    internal sealed class Handler(NpgsqlDataSource database, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Query, IReadOnlyList<Row>>
    {
        public async Task<IReadOnlyList<Row>> Handle(Query query, CancellationToken cancellationToken)
        {
            await using var command = database.CreateCommand(
                """
                select s.lookup, c.merchant_id, c.grants,
                       case when c.ended_at < coalesce(c.expires_at, 'infinity') then 'revoked'
                            when c.expires_at <= $1 then 'expired'
                            when m.disabled_at is not null then 'disabled'
                            when c.replaced_by is not null then 'replaced'
                            else 'live' end,
                       c.created_at, c.expires_at
                from reports.access_secrets s
                join reports.access_credentials c using (credential_id)
                left join reports.access_merchants m using (merchant_id)
                where s.kind = 'api_key' and ($2 = '' or c.merchant_id::text = $2)
                order by c.merchant_id nulls first, c.credential_id
                """);
            command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = clock.GetUtcNow() });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = $"{current.Required.Tenant}" });
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            var rows = new List<Row>();
            while (await row.ReadAsync(cancellationToken))
            {
                rows.Add(new Row(
                    row.GetString(0),
                    row.Optional<Guid>(1),
                    row.GetFieldValue<string[]>(2),
                    row.GetString(3),
                    row.Optional<DateTimeOffset>(4),
                    row.Optional<DateTimeOffset>(5)));
            }

            return rows;
        }
    }
}
