using System.Text;
using Npgsql;
using Reports.Contracts;
using Reports.Contracts.Messages;
using Reports.Generator;
using Reports.Storage;
using Xunit;

namespace Reports.ApiTests.Generator;

/// <summary>A database with the transactions schema, and a directory for reports.</summary>
public sealed class GeneratorFixture : IAsyncLifetime
{
    private readonly TestDatabase _database = new();

    public NpgsqlDataSource DataSource { get; private set; } = null!;

    public TransactionDatabase Transactions { get; private set; } = null!;

    public TransactionImport Import { get; private set; } = null!;

    public ReferenceGenerator Generator { get; private set; } = null!;

    public string Root { get; } = Directory.CreateTempSubdirectory("reports-").FullName;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        DataSource = NpgsqlDataSource.Create(_database.ConnectionString);
        Transactions = new TransactionDatabase(NpgsqlDataSource.Create(_database.ConnectionString));
        Import = new TransactionImport(Transactions);
        Generator = new ReferenceGenerator(Transactions, new ReportFiles(Root), TimeProvider.System);
        await Transactions.ApplySchemaAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await Transactions.DisposeAsync();
        await DataSource.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(Root, recursive: true);
    }

    public Task<ImportResult> ImportAsync(params string[] rows) => Import.ImportAsync(
        new MemoryStream(Encoding.UTF8.GetBytes($"{TransactionImport.Header}\r\n{string.Join("\r\n", rows)}\r\n")),
        progress: null,
        TestContext.Current.CancellationToken);

    public async Task<long> CountAsync(Guid merchant)
    {
        await using var command = DataSource.CreateCommand(
            "select count(*) from transactions.transactions where merchant_id = $1");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchant });
        return (long)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    public static GenerateReport Request(
        Guid merchant,
        ReportFormat format = ReportFormat.Csv,
        string start = "2026-02-01T00:00:00+03:00",
        string end = "2026-03-01T00:00:00+03:00",
        string zone = "Asia/Kuwait",
        ReportLayout? layout = null)
    {
        var report = Guid.CreateVersion7();
        return new GenerateReport(
            report,
            merchant,
            Attempt: 1,
            Grant: "grant",
            StoragePrefix: $"{merchant:n}/{report:n}/1/",
            ReportInterval.Monthly,
            format,
            layout ?? new ReportLayout(),
            new ReportPeriod(
                DateTimeOffset.Parse(start, System.Globalization.CultureInfo.InvariantCulture),
                DateTimeOffset.Parse(end, System.Globalization.CultureInfo.InvariantCulture),
                zone));
    }

    public byte[] FileOf(GenerateReport request, string fileName) =>
        File.ReadAllBytes(Path.Combine(Root, request.StoragePrefix, fileName));
}
