using Npgsql;
using NpgsqlTypes;
using Reports.Generator.Import;

namespace Reports.Generator;

/// <summary>
/// Imports transactions from a CSV file: the whole file, or nothing of it. Rows that are there already, exactly so,
/// are left as they are, so a file can be imported again.
/// </summary>
/// <param name="database">Where they go; its schema must be applied.</param>
public sealed class TransactionImport(TransactionDatabase database)
{
    /// <summary>The header of an import file. The columns may come in any order.</summary>
    public static string Header => ImportColumns.Header;

    private const int RowsBetweenReports = 10_000;

    /// <summary>Held from the merge to the end: two imports of the same rows in another order would deadlock.</summary>
    private const long MergeLock = 0x5265_706F_7274_0002;

    private const string CreateStage = """
        create temp table staged (
            line bigint not null, merchant_id uuid not null, id text collate "C" not null,
            occurred_at timestamptz not null, type text not null, original_id text collate "C",
            order_reference text not null, customer_name text not null, payment_method text not null,
            currency text not null, gross_amount numeric(20,4) not null, fee_amount numeric(20,4) not null)
        on commit drop
        """;

    private const string Columns = """
        merchant_id, id, occurred_at, type, original_id, order_reference, customer_name, payment_method, currency,
        gross_amount, fee_amount
        """;

    private const string Twice = """
        select line, id, 'an id that is not on line ' || first || ' already'
          from (select line, id, min(line) over (partition by merchant_id, id) as first from staged) as ids
         where line > first
         order by line
        """;

    private const string Merge = $"""
        insert into transactions.transactions ({Columns})
        select {Columns} from staged
            on conflict (merchant_id, id) do nothing
        """;

    private const string Different = """
        select s.line, s.id, 'the values with which this id was imported before, or a new id'
          from staged s join transactions.transactions t using (merchant_id, id)
         where (s.occurred_at, s.type, s.original_id, s.order_reference, s.customer_name, s.payment_method, s.currency,
                s.gross_amount, s.fee_amount)
               is distinct from
               (t.occurred_at, t.type, t.original_id, t.order_reference, t.customer_name, t.payment_method, t.currency,
                t.gross_amount, t.fee_amount)
         order by s.line
        """;

    /// <summary>Imports a file.</summary>
    /// <param name="csv">The file: UTF-8, RFC 4180, with the <see cref="Header"/>. It is left open.</param>
    /// <param name="progress">Told every 10,000 rows how far the reading is.</param>
    /// <param name="cancellation">Stops the import; nothing is imported then.</param>
    /// <returns>How many rows are new and how many were there, or what is wrong with the file.</returns>
    /// <exception cref="NpgsqlException">The database cannot be reached, or the schema is missing.</exception>
    public async Task<ImportResult> ImportAsync(
        Stream csv,
        IProgress<ImportProgress>? progress,
        CancellationToken cancellation)
    {
        await using var file = new ImportFile(csv);
        await using var connection = await database.OpenAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await ExecuteAsync(connection, CreateStage, cancellation);
        await StageAsync(connection, file, progress, cancellation);
        var inserted = file.Errors.Count == 0 ? await MergeAsync(connection, file, cancellation) : 0;
        if (file.Errors.Count > 0)
        {
            return new ImportResult(file.RowsRead, Inserted: 0, AlreadyThere: 0, file.Errors);
        }

        await transaction.CommitAsync(cancellation);
        return new ImportResult(file.RowsRead, inserted, file.RowsRead - inserted, Errors: []);
    }

    private static async Task<long> MergeAsync(
        NpgsqlConnection connection,
        ImportFile file,
        CancellationToken cancellation)
    {
        await FindAsync(connection, Twice, file, cancellation);
        if (file.Errors.Count > 0)
        {
            return 0;
        }

        await TransactionDatabase.LockAsync(connection, MergeLock, cancellation);
        var inserted = await ExecuteAsync(connection, Merge, cancellation);
        if (inserted < file.RowsRead)
        {
            await ExecuteAsync(connection, "analyze staged", cancellation);
            await FindAsync(connection, Different, file, cancellation);
        }

        return inserted;
    }

    private static async Task StageAsync(
        NpgsqlConnection connection,
        ImportFile file,
        IProgress<ImportProgress>? progress,
        CancellationToken cancellation)
    {
        await using var copy = await connection.BeginBinaryImportAsync(
            $"copy staged (line, {Columns}) from stdin (format binary)", cancellation);
        await foreach (var (line, transaction) in file.RowsAsync(cancellation))
        {
            if (file.Errors.Count == 0)
            {
                await CopyAsync(copy, line, transaction, cancellation);
            }

            if (file.RowsRead % RowsBetweenReports == 0)
            {
                progress?.Report(new ImportProgress(file.RowsRead));
            }
        }

        await copy.CompleteAsync(cancellation);
        progress?.Report(new ImportProgress(file.RowsRead));
    }

    private static async Task CopyAsync(
        NpgsqlBinaryImporter copy,
        long line,
        Transaction row,
        CancellationToken cancellation)
    {
        await copy.StartRowAsync(cancellation);
        await copy.WriteAsync(line, NpgsqlDbType.Bigint, cancellation);
        await copy.WriteAsync(row.MerchantId, NpgsqlDbType.Uuid, cancellation);
        await copy.WriteAsync(row.Id, NpgsqlDbType.Text, cancellation);
        await copy.WriteAsync(row.OccurredAt.UtcDateTime, NpgsqlDbType.TimestampTz, cancellation);
        await copy.WriteAsync(row.Type.Name(), NpgsqlDbType.Text, cancellation);
        await copy.WriteAsync(row.OriginalId, NpgsqlDbType.Text, cancellation);
        await copy.WriteAsync(row.OrderReference, NpgsqlDbType.Text, cancellation);
        await copy.WriteAsync(row.CustomerName, NpgsqlDbType.Text, cancellation);
        await copy.WriteAsync(row.PaymentMethod, NpgsqlDbType.Text, cancellation);
        await copy.WriteAsync(row.Currency, NpgsqlDbType.Text, cancellation);
        await copy.WriteAsync(row.Gross, NpgsqlDbType.Numeric, cancellation);
        await copy.WriteAsync(row.Fee, NpgsqlDbType.Numeric, cancellation);
    }

    /// <summary>Runs a query of line, transaction id and what is expected instead, and notes what it finds.</summary>
    private static async Task FindAsync(
        NpgsqlConnection connection,
        string query,
        ImportFile file,
        CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand($"{query} limit {ImportFile.MostErrors}", connection);
        command.CommandTimeout = 0;
        await using var found = await command.ExecuteReaderAsync(cancellation);
        while (await found.ReadAsync(cancellation))
        {
            file.Add(found.GetInt64(0), ImportColumns.TransactionId, found.GetString(1), found.GetString(2));
        }
    }

    // A large file takes its time; the caller's token limits it.
    private static async Task<int> ExecuteAsync(
        NpgsqlConnection connection,
        string statement,
        CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = 0 };
        return await command.ExecuteNonQueryAsync(cancellation);
    }
}
