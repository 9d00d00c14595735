using System.Runtime.CompilerServices;
using Npgsql;

namespace Reports.Generator;

/// <summary>The settled transactions: the schema <c>transactions</c>, which nothing else reads or writes.</summary>
/// <param name="dataSource">Its connections; disposed with this instance.</param>
public sealed class TransactionDatabase(NpgsqlDataSource dataSource) : IAsyncDisposable, IDisposable
{
    /// <summary>Held while the schema is applied, so that two processes that start at once take turns.</summary>
    private const long SchemaLock = 0x5265_706F_7274_0001;

    // Ids are compared byte by byte: the order of a report must not depend on the collation of the database.
    private const string Schema = """
        create schema if not exists transactions;
        create table if not exists transactions.transactions (
            merchant_id     uuid not null,
            id              text collate "C" not null,
            occurred_at     timestamptz not null,
            type            text not null check (type in ('payment', 'refund', 'void', 'fee')),
            original_id     text collate "C",
            order_reference text not null,
            customer_name   text not null,
            payment_method  text not null,
            currency        text not null,
            gross_amount    numeric(20,4) not null,
            fee_amount      numeric(20,4) not null,
            primary key (merchant_id, id)
        );
        create index if not exists transactions_by_time
            on transactions.transactions (merchant_id, occurred_at, id);
        create index if not exists transactions_by_original
            on transactions.transactions (merchant_id, original_id) where original_id is not null;
        """;

    private const string Rows = """
        select t.id, t.occurred_at, t.type, t.original_id, t.order_reference, t.customer_name, t.payment_method,
               t.currency, t.gross_amount, t.fee_amount
          from transactions.transactions t
         where t.merchant_id = $1 and t.occurred_at >= $2 and t.occurred_at < $3
         order by t.occurred_at, t.id
        """;

    // One look into transactions_by_original for each row: memory and order stay those of the rows alone. What is in
    // another currency than the payment cannot be a part of it.
    private const string RowsWithBreakdown = """
        select t.id, t.occurred_at, t.type, t.original_id, t.order_reference, t.customer_name, t.payment_method,
               t.currency, t.gross_amount, t.fee_amount, b.refunded, b.voided
          from transactions.transactions t
          left join lateral (
              select coalesce(-sum(r.gross_amount) filter (where r.type = 'refund'), 0) as refunded,
                     coalesce(-sum(r.gross_amount) filter (where r.type = 'void'), 0) as voided
                from transactions.transactions r
               where r.merchant_id = $1 and r.original_id = t.id and r.occurred_at < $3 and r.currency = t.currency
          ) b on t.type = 'payment'
         where t.merchant_id = $1 and t.occurred_at >= $2 and t.occurred_at < $3
         order by t.occurred_at, t.id
        """;

    /// <summary>Creates what is missing of the schema; harmless when nothing is.</summary>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>A task that ends when the schema stands.</returns>
    /// <exception cref="NpgsqlException">The database is away, or the role may not create the schema.</exception>
    public async Task ApplySchemaAsync(CancellationToken cancellation)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await LockAsync(connection, SchemaLock, cancellation);
        await using var command = new NpgsqlCommand(Schema, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }

    /// <summary>Whether a merchant has any transaction.</summary>
    /// <param name="merchantId">The merchant.</param>
    /// <param name="cancellation">Stops the query.</param>
    /// <returns>True when there is at least one.</returns>
    /// <exception cref="NpgsqlException">The database cannot be reached, or the schema is missing.</exception>
    public async Task<bool> HasTransactionsAsync(Guid merchantId, CancellationToken cancellation)
    {
        await using var command = dataSource.CreateCommand(
            "select exists (select from transactions.transactions where merchant_id = $1)");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchantId });
        return (bool)(await command.ExecuteScalarAsync(cancellation))!;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => dataSource.DisposeAsync();

    /// <inheritdoc/>
    public void Dispose() => dataSource.Dispose();

    internal ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellation) =>
        dataSource.OpenConnectionAsync(cancellation);

    /// <summary>Waits for an advisory lock that the end of the transaction gives back.</summary>
    internal static async Task LockAsync(NpgsqlConnection connection, long key, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("select pg_advisory_xact_lock($1)", connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = key });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>How many rows <see cref="ReadAsync"/> would find now.</summary>
    internal async Task<long> CountAsync(
        Guid merchantId, DateTimeOffset start, DateTimeOffset end, CancellationToken cancellation)
    {
        await using var command = Of(merchantId, start, end, """
            select count(*) from transactions.transactions
             where merchant_id = $1 and occurred_at >= $2 and occurred_at < $3
            """);
        return (long)(await command.ExecuteScalarAsync(cancellation))!;
    }

    /// <summary>
    /// A merchant's transactions from <paramref name="start"/> until before <paramref name="end"/>, by time and id, row
    /// by row from the connection: one statement, hence one snapshot, and never the whole period in memory. With
    /// <paramref name="breakdown"/>, payments say what was given back of them before the end.
    /// </summary>
    internal async IAsyncEnumerable<Transaction> ReadAsync(
        Guid merchantId,
        DateTimeOffset start,
        DateTimeOffset end,
        bool breakdown,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var command = Of(merchantId, start, end, breakdown ? RowsWithBreakdown : Rows);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            yield return new Transaction(
                reader.GetString(0),
                merchantId,
                new DateTimeOffset(reader.GetDateTime(1)),
                TransactionTypes.Parse(reader.GetString(2))!.Value,
                reader.IsDBNull(3) ? null : reader.GetString(3),
                reader.GetString(4),
                reader.GetString(5),
                reader.GetString(6),
                reader.GetString(7),
                reader.GetDecimal(8),
                reader.GetDecimal(9))
            {
                Refunded = breakdown && !reader.IsDBNull(10) ? reader.GetDecimal(10) : null,
                Voided = breakdown && !reader.IsDBNull(11) ? reader.GetDecimal(11) : null,
            };
        }
    }

    private NpgsqlCommand Of(Guid merchantId, DateTimeOffset start, DateTimeOffset end, string sql)
    {
        var command = dataSource.CreateCommand(sql);
        command.CommandTimeout = 0; // The caller's token limits the time; a long report is no failure.
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchantId });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = start.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = end.UtcDateTime });
        return command;
    }
}
