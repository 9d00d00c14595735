using MediatR;
using Npgsql;
using Reports.BuildingBlocks;

namespace Reports.Access;

/// <summary>The users of the current tenant, or all of them, by name.</summary>
public static class ListUsers
{
    /// <summary>The query.</summary>
    public sealed record Query : IRequest<IReadOnlyList<Row>>;

    /// <summary>A user.</summary>
    /// <param name="UserName">The name to sign in with.</param>
    /// <param name="MerchantId">The merchant.</param>
    /// <param name="State"><c>live</c>, or <c>disabled</c>: the user, or the merchant.</param>
    /// <param name="IsSuperuser">Whether every permission of the merchant is theirs.</param>
    /// <param name="Permissions">The permissions given one by one.</param>
    /// <param name="RegisteredAt">When they were registered.</param>
    public sealed record Row(
        string UserName,
        Guid MerchantId,
        string State,
        bool IsSuperuser,
        IReadOnlyList<string> Permissions,
        DateTimeOffset? RegisteredAt)
    {
        /// <inheritdoc/>
        public override string ToString() => nameof(ListUsers);
    }

    internal sealed class Handler(NpgsqlDataSource database, CurrentCaller current)
        : IRequestHandler<Query, IReadOnlyList<Row>>
    {
        public async Task<IReadOnlyList<Row>> Handle(Query query, CancellationToken cancellationToken)
        {
            await using var command = database.CreateCommand(
                """
                select s.lookup, c.merchant_id,
                       case when c.ended_at is not null or m.disabled_at is not null then 'disabled' else 'live' end,
                       c.is_superuser, c.grants, c.created_at
                from reports.access_secrets s
                join reports.access_credentials c using (credential_id)
                left join reports.access_merchants m using (merchant_id)
                where s.kind = 'user' and ($1 = '' or c.merchant_id::text = $1)
                order by c.merchant_id, s.lookup
                """);
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = $"{current.Required.Tenant}" });
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            var rows = new List<Row>();
            while (await row.ReadAsync(cancellationToken))
            {
                rows.Add(new Row(
                    row.GetString(0),
                    row.GetGuid(1),
                    row.GetString(2),
                    row.GetBoolean(3),
                    row.GetFieldValue<string[]>(4),
                    row.Optional<DateTimeOffset>(5)));
            }

            return rows;
        }
    }
}
