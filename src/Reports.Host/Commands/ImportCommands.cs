using System.CommandLine;
using System.Globalization;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Generator;

namespace Reports.Host.Commands;

/// <summary>Brings transactions into the reference generator, and makes up sample ones.</summary>
internal static class ImportCommands
{
    public static Command Import()
    {
        var file = new Argument<FileInfo>("file") { Description = "A CSV file as docs/import.md describes it" };
        var command = new Command("import", "Import transactions from a CSV file, all of them or none") { file };
        command.SetAction((parsed, cancellation) => Instance.ActAsync("import", null, async services =>
        {
            await using var stream = parsed.GetRequiredValue(file).OpenRead();
            var result = await services.GetRequiredService<TransactionImport>()
                .ImportAsync(stream, new RowsRead(), cancellation);
            await Console.Error.WriteLineAsync();
            foreach (var error in result.Errors)
            {
                await Console.Error.WriteLineAsync(error.ToString());
            }

            Console.WriteLine(result.Succeeded
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $"{result.Read:N0} rows: {result.Inserted:N0} new, {result.AlreadyThere:N0} there already.")
                : throw new ProblemException(Problem.InvalidParameters with { Detail = "Nothing was imported." }));
            await WarnOfStrangersAsync(services.GetRequiredService<NpgsqlDataSource>(), cancellation);
        }));
        return command;
    }

    public static Command Samples()
    {
        var file = new Argument<FileInfo>("file") { Description = "Where to write the CSV file" };
        var merchants = new Option<Guid[]>("--merchant")
        {
            Description = "A merchant's id; one to three times",
            Required = true,
            Arity = new ArgumentArity(1, 3),
        };
        var until = new Option<DateOnly>("--until")
        {
            Description = "The day after the last one",
            DefaultValueFactory = _ => DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime),
        };
        var count = new Option<int>("--count")
        {
            Description = "How many transactions",
            DefaultValueFactory = _ => SampleTransactions.DefaultCount,
        };
        var command = new Command("samples", "Write made-up transactions to try the service with")
        {
            file, merchants, until, count,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(count) < 0)
            {
                result.AddError("--count must not be negative.");
            }
        });
        command.SetAction((parsed, cancellation) => Instance.GuardAsync(async () =>
        {
            await using var stream = parsed.GetRequiredValue(file).Create();
            var named = parsed.GetRequiredValue(merchants)
                .Zip(SampleTransactions.DefaultMerchants, (id, sample) => sample with { Id = id });
            await SampleTransactions.WriteAsync(
                stream, [.. named], parsed.GetValue(until), count: parsed.GetValue(count), cancellation: cancellation);
        }));
        return command;
    }

    // The generator knows no merchants, as no outsider does; a wrong id would go unnoticed for ever.
    private static async Task WarnOfStrangersAsync(NpgsqlDataSource database, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select distinct merchant_id from transactions.transactions
            except select merchant_id from reports.access_merchants
            """);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            await Console.Error.WriteLineAsync(
                $"There are transactions of {row.GetGuid(0)}, which is no registered merchant.");
        }
    }

    private sealed class RowsRead : IProgress<ImportProgress>
    {
        public void Report(ImportProgress value) =>
            Console.Error.Write(string.Create(CultureInfo.InvariantCulture, $"\r{value.RowsRead:N0} rows read "));
    }
}
